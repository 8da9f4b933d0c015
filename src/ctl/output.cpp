#include "ctl/output.h"

#include <google/protobuf/util/json_util.h>

#include "ctl/terminal.h"
#include "ctl/yaml.h"

namespace cradle::ctl {

using nlohmann::ordered_json;

void PrintDocument(const std::string& json, Format format) {
  ordered_json document = ordered_json::parse(json, nullptr, false);
  if (document.is_discarded()) return Print(json + "\n");
  Print(format == Format::kYaml
            ? FormatYaml(document)
            : document.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

void PrintMessage(const google::protobuf::Message& message, Format format) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (status.ok()) PrintDocument(json, format);
}

std::string ShortId(const std::string& id, Format format) {
  constexpr std::string_view kDigest = "sha256:";
  if (format == Format::kWide) return id;
  return id.starts_with(kDigest) ? id.substr(kDigest.size(), 12) : id.substr(0, 12);
}

void PrintTable(const Table& table, Format format) {
  Print(table.Format(format == Format::kWide ? 0 : TerminalWidth()));
}

}  // namespace cradle::ctl
