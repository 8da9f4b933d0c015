#include "ctl/progress.h"

#include <algorithm>

#include "base/result.h"
#include "ctl/terminal.h"
#include "ctl/text.h"

namespace cradle::ctl {
namespace {

constexpr size_t kBarWidth = 30, kDigits = 12, kBarColumn = 27;

std::string Line(const LayerProgress& layer) {
  std::string_view digest = layer.layer;
  digest.remove_prefix(digest.find(':') + 1);
  std::string line = Cat(digest.substr(0, kDigits), "  ", layer.phase);
  line.resize(std::max(line.size(), kBarColumn), ' ');
  if (layer.phase == "downloading" || layer.phase == "unpacking") {
    line += Cat(FormatBar(layer.done, layer.total, kBarWidth), " ", FormatBytes(layer.done));
    if (layer.total != 0) line += Cat(" of ", FormatBytes(layer.total));
  } else if (layer.total != 0) {
    line += FormatBytes(layer.total);
  }
  return line;
}

}  // namespace

ProgressLines ProgressLines::OnStandardError() {
  return {ErrorIsTerminal() ? Style::kTerminal : Style::kPipe, PrintError};
}

void ProgressLines::Tell(const LayerProgress& news) {
  auto layer = std::find_if(layers_.begin(), layers_.end(), [&](const auto& other) { return other.layer == news.layer; });
  if (layer == layers_.end()) layer = layers_.emplace(layers_.end());
  bool over = news.phase == "done" || news.phase == "exists";
  if (style_ == Style::kPipe && over && layer->phase != news.phase) print_(Line(news) + "\n");
  *layer = news;
  if (style_ == Style::kTerminal) Draw();
}

void ProgressLines::Warn(const std::string& text) {
  print_(Cat("warning: ", text, "\n"));
  drawn_ = 0;
}

void ProgressLines::Draw() {
  std::string out;
  if (drawn_ != 0) out = Cat("\033[", std::to_string(drawn_), "A");
  for (const LayerProgress& layer : layers_) out += Cat("\r\033[K", Line(layer), "\n");
  drawn_ = layers_.size();
  print_(out);
}

}  // namespace cradle::ctl
