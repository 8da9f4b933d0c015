#include "lists.h"

#include <cstdio>

#include "samples.h"

namespace cradle::bench {
namespace {

// Takes them away again when the bench ends early, too.
class Pods {
 public:
  explicit Pods(BenchNode& node) : node_(node) {}
  ~Pods() {
    for (const std::string& pod : ids_) node_.RemovePod(pod);
  }
  void Add(int containers) {
    ids_.push_back(node_.RunPod("listed-" + std::to_string(ids_.size()), true));
    for (int i = 0; i < containers; ++i) node_.Start(node_.Create(ids_.back(), {"sleep", "1000000"}));
  }
  const std::vector<std::string>& ids() const { return ids_; }

 private:
  BenchNode& node_;
  std::vector<std::string> ids_;
};

void PrintMemory(BenchNode& node, const std::vector<std::string>& pods) {
  int64_t shim = 0, pause = 0;
  for (const std::string& pod : pods) {
    shim += node.PssKilobytes(node.ShimOf(pod));
    pause += node.PssKilobytes(node.PauseOf(pod));
  }
  auto each = static_cast<double>(pods.size());
  std::printf("%-36s %8.0f\n", "shim, KiB PSS per pod", static_cast<double>(shim) / each);
  std::printf("%-36s %8.0f\n", "pause, KiB PSS per pod", static_cast<double>(pause) / each);
  std::printf("%-36s %8.0f\n", "together (aim: 300)", static_cast<double>(shim + pause) / each);
  std::printf("%-36s %8.1f\n", "cradled, MiB RSS", static_cast<double>(node.RssKilobytes()) / 1024);
}

}  // namespace

void Lists(BenchNode& node, Crowd crowd, int rounds) {
  Pods pods(node);
  for (int i = 0; i < crowd.pods; ++i) pods.Add(crowd.containers_each);
  std::printf("\n%d pods, %d containers\n", crowd.pods, crowd.pods * crowd.containers_each);
  PrintMemory(node, pods.ids());

  struct Question {
    const char* name;
    void (BenchNode::*ask)();
    double per_second;  // how often a kubelet asks; the last two instead of the statistics, if it is told to
  };
  const Question questions[] = {{"ListPodSandbox", &BenchNode::ListPods, 1},
                                {"ListContainers", &BenchNode::ListContainers, 1},
                                {"ListContainerStats", &BenchNode::ListStats, 0.1},
                                {"ListPodSandboxStats", &BenchNode::ListPodStats, 0},
                                {"ListPodSandboxMetrics", &BenchNode::ListMetrics, 0}};
  std::printf("%-36s %8s %8s %8s\n", "", "ms", "worst", "CPU ms");
  Samples samples;
  double polling = 0;
  for (const Question& question : questions) {
    (node.*question.ask)();
    const double before = node.CpuSeconds(node.Daemon());
    for (int i = 0; i < rounds; ++i) samples.Time(question.name, [&] { (node.*question.ask)(); });
    const double cpu = (node.CpuSeconds(node.Daemon()) - before) / rounds;
    polling += cpu * question.per_second;
    std::printf("%-36s %8.2f %8.2f %8.2f\n", question.name, samples.Median(question.name) / 1000,
                samples.Most(question.name) / 1000, cpu * 1000);
  }
  std::printf("%-36s %26.2f\n", "a kubelet's polling, CPU ms/s", polling * 1000);
}

}  // namespace cradle::bench
