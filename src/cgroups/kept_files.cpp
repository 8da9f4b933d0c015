#include "cgroups/kept_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/sys/file.h"

namespace cradle::cgroups {

Result<std::string> KeptFiles::ReadFrom(FdRef file, Ends ends) {
  constexpr size_t kPiece = 4096, kMost = 8 << 20;  // cpuinfo of thousands of processors
  std::string out;
  for (char piece[kPiece]; out.size() < kMost;) {
    size_t size = TRY(sys::Pread(file, piece, sizeof piece, static_cast<off_t>(out.size())));
    out.append(piece, size);
    if (size == 0 || (ends == Ends::kShort && size < sizeof piece)) break;
  }
  return out;
}

std::string KeptFiles::Read(const std::string& path, Ends ends) {
  if (auto kept = std::ranges::find(files_, path, &Kept::path); kept != files_.end()) {
    if (!kept->file.valid()) return {};
    if (auto text = ReadFrom(kept->file, ends); text.ok()) return std::move(*text);
    files_.erase(kept);
  }
  auto file = sys::OpenAt(kCwd, path, O_RDONLY);
  auto text = file.ok() ? ReadFrom(*file, ends) : Result<std::string>(file.error());
  if (!text.ok() && text.error().err() != ENOENT) return {};
  if (files_.size() == kMost) files_.erase(files_.begin());
  files_.push_back({path, file.ok() ? std::move(*file) : UniqueFd()});
  return text.ok() ? std::move(*text) : std::string();
}

void KeptFiles::LookAgain() {
  std::erase_if(files_, [](const Kept& kept) { return !kept.file.valid(); });
}

}  // namespace cradle::cgroups
