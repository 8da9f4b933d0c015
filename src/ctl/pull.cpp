#include "ctl/pull.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/sys/socket.h"
#include "ctl/terminal.h"
#include "ctl/text.h"

namespace cradle::ctl {
namespace {

constexpr size_t kBarWidth = 30;

// One line per layer, drawn over itself on a terminal; in a pipe, a line when a layer is done.
class ProgressLines {
 public:
  explicit ProgressLines(bool redraw) : redraw_(redraw) {}

  void Tell(const v1::PullImageProgress& news) {
    auto layer = std::find_if(layers_.begin(), layers_.end(),
                              [&](const auto& other) { return other.layer() == news.layer(); });
    if (layer == layers_.end()) layer = layers_.emplace(layers_.end());
    bool over = news.phase() == "done" || news.phase() == "exists";
    if (!redraw_ && over && layer->phase() != news.phase()) PrintError(Line(news) + "\n");
    *layer = news;
    if (redraw_) Draw();
  }

  // Stays above the lines of the layers.
  void Warn(const std::string& text) {
    PrintError(Cat("warning: ", text, "\n"));
    drawn_ = 0;
  }

 private:
  static std::string Line(const v1::PullImageProgress& layer) {
    std::string_view digest = layer.layer();
    digest.remove_prefix(digest.find(':') + 1);
    std::string line = Cat(digest.substr(0, 12), "  ", layer.phase());
    line.resize(std::max<size_t>(line.size(), 27), ' ');
    if (layer.phase() == "downloading" || layer.phase() == "unpacking") {
      line +=
          Cat(FormatBar(layer.done(), layer.total(), kBarWidth), " ", FormatBytes(layer.done()));
      if (layer.total() != 0) line += Cat(" of ", FormatBytes(layer.total()));
    } else if (layer.total() != 0) {
      line += FormatBytes(layer.total());
    }
    return line;
  }

  void Draw() {
    std::string out;
    if (drawn_ != 0) out = Cat("\033[", std::to_string(drawn_), "A");
    for (const auto& layer : layers_) out += Cat("\r\033[K", Line(layer), "\n");
    drawn_ = layers_.size();
    PrintError(out);
  }

  const bool redraw_;
  size_t drawn_ = 0;
  std::vector<v1::PullImageProgress> layers_;
};

}  // namespace

Result<std::string> PullImage(Client& client, const std::string& image,
                              const std::string& credentials, FdRef signals) {
  v1::PullImageRequest request;
  request.set_image(image);
  size_t colon = credentials.find(':');
  request.set_username(credentials.substr(0, colon));
  if (colon != credentials.npos) request.set_password(credentials.substr(colon + 1));
  grpc::ClientContext context;
  auto reader = client.stub<DebugStub>().PullImage(&context, request);
  std::jthread watch([&](std::stop_token stop) {
    if (!signals.valid()) return;
    while (!stop.stop_requested()) {
      auto came = sys::PollReadable(signals, After(milliseconds(100)));
      if (!came.ok() || *came) return context.TryCancel();
    }
  });
  ProgressLines lines(ErrorIsTerminal());
  std::string id;
  v1::PullImageProgress news;
  while (reader->Read(&news)) {
    if (!news.image_ref().empty()) id = news.image_ref();
    if (!news.warning().empty()) lines.Warn(news.warning());
    if (!news.layer().empty()) lines.Tell(news);
  }
  grpc::Status status = reader->Finish();
  if (!status.ok()) return ErrorFrom(status);
  return id;
}

}  // namespace cradle::ctl
