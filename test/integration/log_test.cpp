// Logs: the CRI's format, and that no line is lost or torn.
#include <sys/mount.h>

#include <filesystem>
#include <regex>

#include "support/node_test.h"

namespace cradle::test {
namespace {

class Log : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    pod_ = RunPod(PodConfig("pod"));
  }
  std::string pod_;
};

const std::regex kRecord(R"(^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP]) ([\s\S]*)$)");

struct Record {
  std::string time, stream, tag, text;
};
Record Parse(const std::string& line) {
  std::smatch match;
  if (!std::regex_match(line, match, kRecord)) throw std::runtime_error("no log record: " + line.substr(0, 200));
  return {match[1], match[3], match[4], match[5]};
}

TEST_F(Log, HasBothStreamsInTheFormat) {
  std::string container = StartNew(pod_, Shell("c", "echo to out; echo to err >&2; echo; printf 'no newline'"));
  WaitExited(container);
  std::string out, err, last;
  for (const std::string& line : LogLines(container)) {
    Record record = Parse(line);
    (record.stream == "stdout" ? out : err) += record.text + "\n";
    EXPECT_LE(last, record.time) << "time steps back";
    last = record.time;
  }
  EXPECT_EQ(out, "to out\n\nno newline\n");
  EXPECT_EQ(err, "to err\n");
}

TEST_F(Log, CutsLongLinesIntoPartsThatAddUp) {
  std::string container = StartNew(pod_, Shell("c", "head -c 100000 /dev/zero | tr '\\0' x; echo; echo end"));
  WaitExited(container);
  std::string whole;
  size_t parts = 0;
  std::vector<Record> full;
  for (const std::string& line : LogLines(container)) {
    Record record = Parse(line);
    whole += record.text;
    if (record.tag == "P") {
      ++parts;
      continue;
    }
    full.push_back(record);
    if (full.size() == 1) {
      EXPECT_EQ(whole, std::string(100000, 'x'));
    }
  }
  EXPECT_GT(parts, 0u);
  ASSERT_EQ(full.size(), 2u);
  EXPECT_EQ(full[1].text, "end");
}

TEST_F(Log, KeepsEveryLineAcrossReopens) {
  constexpr int kLines = 200000;
  std::string container =
      StartNew(pod_, Shell("c", "seq 1 " + std::to_string(kLines) + "; echo done >&2"));
  std::string path = StatusOf(container).log_path();
  v1::ReopenContainerLogRequest request;
  request.set_container_id(container);
  int rotated = 0;
  while (StatusOf(container).state() == v1::CONTAINER_RUNNING && rotated < 50) {
    std::filesystem::rename(path, path + "." + std::to_string(rotated++));
    auto reply = CRI_CALL(ReopenContainerLog, request);
    if (reply.ok()) {
      EXPECT_TRUE(std::filesystem::exists(path)) << "the new file exists when the call returns";
    } else {
      // It ended meanwhile: nothing is written any more.
      EXPECT_EQ(reply.code(), grpc::FAILED_PRECONDITION) << reply.text();
      break;
    }
  }
  WaitExited(container);
  int next = 1;
  for (int file = 0; file <= rotated; ++file) {
    std::string name = file == rotated ? path : path + "." + std::to_string(file);
    for (const std::string& line : Lines(ReadText(name))) {
      Record record = Parse(line);
      if (record.stream != "stdout") continue;
      ASSERT_EQ(record.text, std::to_string(next++)) << name;
    }
  }
  EXPECT_EQ(next, kLines + 1);
}

TEST_F(Log, IsNotReopenedForAContainerThatDoesNotRun) {
  v1::ReopenContainerLogRequest request;
  request.set_container_id(CreateContainer(pod_, Sleeper("c")));
  EXPECT_EQ(CRI_CALL(ReopenContainerLog, request).code(), grpc::FAILED_PRECONDITION);
}

TEST_F(Log, OnAFullDiskNeverStopsTheWriterAndGoesOnLater) {
  auto pod = PodConfig("full");
  std::string logs = pod.log_directory(), gate = daemon().dir() + "/volume";
  std::filesystem::create_directories(logs);
  std::filesystem::create_directories(gate);
  ASSERT_EQ(::mount("small", logs.c_str(), "tmpfs", 0, "size=64k"), 0);
  auto config = Shell("c", "seq 1 100000; touch /gate/full; until [ -e /gate/more ]; do sleep 0.05; done; echo after; exit 5");
  auto* mount = config.add_mounts();
  mount->set_host_path(gate);
  mount->set_container_path("/gate");
  std::string container = StartNew(RunPod(pod), config);
  EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(gate + "/full"); })) << "the writer waits for the disk";
  ASSERT_EQ(::mount("small", logs.c_str(), "tmpfs", MS_REMOUNT, "size=8m"), 0);
  WriteText(gate + "/more", "");
  EXPECT_EQ(WaitExited(container).exit_code(), 5);
  std::vector<std::string> lines = LogLines(container);
  for (const std::string& line : lines) Parse(line);
  EXPECT_EQ(Parse(lines.back()).text, "after");
  EXPECT_LT(lines.size(), 100000u) << "the disk was not full";
  EXPECT_TRUE(RemoveAllPods());
  EXPECT_EQ(::umount2(logs.c_str(), 0), 0);
  std::filesystem::remove_all(gate);
}

}  // namespace
}  // namespace cradle::test
