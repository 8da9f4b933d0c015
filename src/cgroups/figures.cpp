#include "cgroups/figures.h"

#include <algorithm>

#include "base/result.h"
#include "cgroups/figures_parse.h"

namespace cradle::cgroups {
namespace {

constexpr int kMaxDepth = 32;     // of a group below its hierarchy's root
constexpr size_t kMaxDisks = 128;
constexpr std::string_view kUnified = "unified";

}  // namespace

std::unique_ptr<Figures> Figures::Open(FigurePlaces places, KeptFiles& files) {
  for (const auto& [controller, dir] : places)
    if (controller != kUnified) return OpenFiguresV1(std::move(places), files);
  return OpenFiguresV2(std::move(places), files);
}

std::string Figures::ReadPressure(const std::string& resource) const {
  return Text(kUnified, resource + ".pressure");
}

const std::string& Figures::Dir(std::string_view controller) const {
  static const std::string kNone;
  for (const auto& [name, dir] : places_)
    if (name == controller) return dir;
  return kNone;
}

std::string Figures::Text(std::string_view controller, std::string_view file) const {
  const std::string& dir = Dir(controller);
  return dir.empty() ? std::string() : files_.Text(Cat(dir, "/", file));
}

uint64_t Figures::Number(std::string_view controller, std::string_view file) const {
  return ParseNumber(Text(controller, file)).value_or(0);
}

void Figures::ForEachUp(std::string_view controller, std::string_view file, const Take& take) const {
  std::string at = Dir(controller);
  for (int depth = 0; !at.empty() && depth < kMaxDepth; ++depth) {
    std::string text = files_.Text(Cat(at, "/", file));
    if (text.empty()) return;
    take(at, text);
    at.resize(std::min(at.rfind('/'), at.size() - 1));
  }
}

DiskFigures* FindDisk(std::string_view device, std::vector<DiskFigures>& disks) {
  size_t colon = device.find(':');
  if (colon == device.npos) return nullptr;
  auto major = ParseNumber(device.substr(0, colon)), minor = ParseNumber(device.substr(colon + 1));
  if (!major || !minor) return nullptr;
  for (DiskFigures& disk : disks)
    if (disk.major == *major && disk.minor == *minor) return &disk;
  if (disks.size() == kMaxDisks) return nullptr;
  DiskFigures& added = disks.emplace_back();
  added.major = static_cast<unsigned>(*major);
  added.minor = static_cast<unsigned>(*minor);
  return &added;
}

}  // namespace cradle::cgroups
