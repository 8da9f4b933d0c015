#include <nlohmann/json.hpp>

#include "ctl/image_access.h"
#include "ctl/image_view.h"
#include "ctl/table.h"
#include "ctl/terminal.h"
#include "ctl/text.h"

namespace cradle::ctl {
namespace {

using nlohmann::json;

std::string TextOf(const json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Without control bytes: it was written by an image.
std::string Printable(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

void PrintLines(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += Printable(line) + "\n";
  Print(out);
}

}  // namespace

Result<int> Pull(ImageAccess& images, const PullOptions& options) {
  Print(TRY(images.Pull(options)) + "\n");
  return 0;
}

Result<int> ImportImage(ImageAccess& images, const std::string& path, const std::string& name) {
  PrintLines(TRY(images.Import(path, name)));
  return 0;
}

Result<int> ExportImages(ImageAccess& images, const std::vector<std::string>& names, const std::string& path) {
  std::vector<std::string> here;
  for (const std::string& name : names) here.push_back(TRY(images.Look(name)).id);
  std::vector<std::string> written = TRY(images.Export(names, path));
  for (size_t i = 0; i < written.size() && i < here.size(); ++i) {
    Print(written[i] + "\n");
    if (written[i] != here[i])
      PrintError(Cat("note: ", names[i], " is ", here[i], " here: its layers were archived anew\n"));
  }
  return 0;
}

Result<int> TagImage(ImageAccess& images, const std::string& name, const std::string& new_name) {
  TRYV(images.Tag(name, new_name));
  Print(new_name + "\n");
  return 0;
}

Result<int> PruneImages(ImageAccess& images) {
  PrunedImages pruned = TRY(images.Prune());
  PrintLines(pruned.images);
  PrintError(Cat(FormatBytes(pruned.bytes), " freed\n"));
  return 0;
}

Result<int> CheckImages(ImageAccess& images, bool repair) {
  ImageCheckup checkup = TRY(images.Check(repair));
  PrintLines(checkup.problems);
  PrintError(Cat(std::to_string(checkup.images), " images, ", std::to_string(checkup.layers), " layers, ",
                 checkup.problems.empty() ? "all well" : "not all well", "\n"));
  return checkup.problems.empty() || repair ? 0 : 1;
}

Result<int> ImageHistory(ImageAccess& images, const std::string& name) {
  json config = json::parse(TRY(images.Look(name)).config_json, nullptr, false);
  auto history = config.is_object() ? config.find("history") : config.end();
  Table table({{"CREATED"}, {"LAYER"}, {"CREATED BY", true}});
  if (config.is_object() && history != config.end() && history->is_array()) {
    for (auto step = history->rbegin(); step != history->rend(); ++step) {
      if (!step->is_object()) continue;
      auto empty = step->find("empty_layer");
      bool makes_none = empty != step->end() && empty->is_boolean() && empty->get<bool>();
      std::string by = TextOf(*step, "created_by");
      table.Add({TextOf(*step, "created").substr(0, 19), makes_none ? "-" : "yes", by.empty() ? TextOf(*step, "comment") : by});
    }
  }
  Print(table.Format(TerminalWidth()));
  return 0;
}

Result<int> DiffImages(ImageAccess& images, const std::string& from, const std::string& to) {
  ImageView before = TRY(ReadImageView(TRY(images.Look(from)).layer_dirs));
  ImageView after = TRY(ReadImageView(TRY(images.Look(to)).layer_dirs));
  PrintLines(CompareViews(before, after));
  return 0;
}

}  // namespace cradle::ctl
