#include "cni/record.h"

#include <fcntl.h>

#include <algorithm>

#include "base/sys/file.h"
#include "cni/json.h"

namespace cradle::cni {
namespace {

constexpr size_t kMaxRecord = 8 << 20;
constexpr std::string_view kSuffix = ".json";

std::string FileOf(const std::string& dir, const std::string& pod_id) {
  return Cat(dir, "/", pod_id, kSuffix);
}

Result<Record> Parse(std::string_view text) {
  Json object = TRY(ParseObject(text));
  Record record;
  for (auto [name, field] :
       {std::pair("pod", &record.pod_id), std::pair("netns", &record.netns),
        std::pair("ifname", &record.ifname), std::pair("args", &record.args),
        std::pair("list_file", &record.list_file), std::pair("list", &record.list_text),
        std::pair("result", &record.result)})
    *field = TRY(FindString(object, name));
  if (const Json* runtime = Find(object, "runtime"); runtime && runtime->is_object())
    for (const auto& [name, value] : runtime->items()) record.runtime[name] = Dump(value);
  return record;
}

}  // namespace

Result<> CheckPodId(const std::string& pod_id) {
  auto alnum = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  bool good =
      !pod_id.empty() && pod_id.size() <= 128 && alnum(static_cast<unsigned char>(pod_id[0])) &&
      std::ranges::all_of(
          pod_id, [&](unsigned char c) { return alnum(c) || c == '_' || c == '.' || c == '-'; });
  if (good) return {};
  return InvalidArgument(Cat("pod id \"", Printable(pod_id), "\" is not one"));
}

Result<> SaveRecord(const std::string& dir, const Record& record) {
  Json runtime = Json::object();
  for (const auto& [name, text] : record.runtime) runtime[name] = Json::parse(text, nullptr, false);
  Json object = {{"pod", record.pod_id},          {"netns", record.netns},
                 {"ifname", record.ifname},       {"args", record.args},
                 {"runtime", std::move(runtime)}, {"list_file", record.list_file},
                 {"list", record.list_text},      {"result", record.result}};
  return sys::ReplaceFile(kCwd, FileOf(dir, record.pod_id), Dump(object), 0600);
}

Result<Record> LoadRecord(const std::string& dir, const std::string& pod_id) {
  TRYV(CheckPodId(pod_id));
  std::string text = TRY(sys::ReadFile(kCwd, FileOf(dir, pod_id), kMaxRecord));
  auto record = Parse(text);
  if (record.ok() && record->pod_id == pod_id) return record;
  return Internal(Cat("network record of ", pod_id, " is damaged"));
}

Result<> RemoveRecord(const std::string& dir, const std::string& pod_id) {
  std::string file = FileOf(dir, pod_id);
  for (const std::string& name : {Cat(file, ".tmp"), file}) {
    auto removed = sys::UnlinkAt(kCwd, name, 0);
    if (!removed.ok() && removed.error().err() != ENOENT) return removed;
  }
  return {};
}

std::vector<std::string> ListRecords(const std::string& dir) {
  std::vector<std::string> pods;
  auto fd = sys::OpenAt(kCwd, dir, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return pods;
  auto names = sys::ListDir(*fd);
  if (!names.ok()) return pods;
  for (std::string& name : *names) {
    if (!name.ends_with(kSuffix)) continue;
    name.resize(name.size() - kSuffix.size());
    if (CheckPodId(name).ok()) pods.push_back(std::move(name));
  }
  std::ranges::sort(pods);
  return pods;
}

}  // namespace cradle::cni
