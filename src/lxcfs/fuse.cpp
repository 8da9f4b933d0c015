#include "lxcfs/fuse.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cradle::lxcfs {
namespace {

constexpr uint32_t kMinor = 31;  // of the protocol; what it has is all that is used
constexpr uint64_t kForever = 365 * 24 * 3600;
constexpr uint64_t kFirstFile = FUSE_ROOT_ID + 1;
constexpr size_t kMaxBody = FuseServer::kAnswerSize - sizeof(fuse_out_header);

template <class T>
bool Take(std::string_view in, T& out) {
  if (in.size() < sizeof out) return false;
  memcpy(&out, in.data(), sizeof out);
  return true;
}

const FileName* FileOf(uint64_t node) {
  return node >= kFirstFile && node - kFirstFile < kFileCount ? &kFiles[node - kFirstFile] : nullptr;
}

fuse_attr AttributesOf(uint64_t node) {
  fuse_attr attributes{};
  attributes.ino = node;
  attributes.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0555 : S_IFREG | 0444;
  attributes.nlink = node == FUSE_ROOT_ID ? 2 : 1;
  attributes.blksize = 4096;
  return attributes;
}

}  // namespace

template <class T>
FuseServer::Body FuseServer::Say(const T& body, char* out) {
  static_assert(sizeof body <= kMaxBody);
  memcpy(out, &body, sizeof body);
  return {0, sizeof body};
}

size_t FuseServer::Handle(std::string_view request, Snapshots::Time now, char* answer) {
  fuse_in_header head;
  if (!Take(request, head)) return 0;
  std::string_view in = request.substr(sizeof head);
  char* out = answer + sizeof(fuse_out_header);
  Body body;
  switch (head.opcode) {
    case FUSE_INIT: body = Init(in, out); break;
    case FUSE_LOOKUP: body = Lookup(head.nodeid, in, out); break;
    case FUSE_GETATTR: body = GetAttributes(head.nodeid, now, out); break;
    case FUSE_OPEN: body = Open(head.nodeid, in, out); break;
    case FUSE_READ: body = Read(head.nodeid, in, now, out); break;
    case FUSE_RELEASE: body = Release(in); break;
    case FUSE_STATFS: body = Say(fuse_statfs_out{}, out); break;
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET: return 0;
    default: body.err = ENOSYS; break;
  }
  fuse_out_header said{};
  said.len = static_cast<uint32_t>(sizeof said + body.size);
  said.error = -body.err;
  said.unique = head.unique;
  memcpy(answer, &said, sizeof said);
  return said.len;
}

FuseServer::Body FuseServer::Init(std::string_view in, char* out) {
  fuse_init_in asked{};
  memcpy(&asked, in.data(), std::min(in.size(), sizeof asked));  // older kernels say less
  if (asked.major != FUSE_KERNEL_VERSION) return {EPROTO};
  fuse_init_out said{};
  said.major = FUSE_KERNEL_VERSION;
  said.minor = std::min(asked.minor, kMinor);
  said.max_write = 4096;
  said.time_gran = 1;
  return Say(said, out);
}

FuseServer::Body FuseServer::Lookup(uint64_t node, std::string_view in, char* out) {
  if (node != FUSE_ROOT_ID) return {ENOTDIR};
  std::string_view name = in.substr(0, in.find('\0'));
  for (size_t i = 0; i < kFileCount; ++i) {
    if (name != kFiles[i].name) continue;
    fuse_entry_out said{};
    said.nodeid = kFirstFile + i;
    said.entry_valid = kForever;
    said.attr = AttributesOf(said.nodeid);
    return Say(said, out);
  }
  return {ENOENT};
}

FuseServer::Body FuseServer::GetAttributes(uint64_t node, Snapshots::Time now, char* out) {
  const FileName* file = FileOf(node);
  if (node != FUSE_ROOT_ID && !file) return {ENOENT};
  fuse_attr_out said{};
  said.attr = AttributesOf(node);
  if (file) said.attr.size = snapshots_.Size(file->file, now, render_);
  else said.attr_valid = kForever;
  return Say(said, out);
}

FuseServer::Body FuseServer::Open(uint64_t node, std::string_view in, char* out) {
  fuse_open_in asked;
  if (!FileOf(node)) return {ENOENT};
  if (!Take(in, asked)) return {EINVAL};
  if ((asked.flags & O_ACCMODE) != O_RDONLY) return {EACCES};
  fuse_open_out said{};
  said.fh = ++last_handle_;
  said.open_flags = FOPEN_DIRECT_IO;  // else what one read is kept for the next
  return Say(said, out);
}

FuseServer::Body FuseServer::Read(uint64_t node, std::string_view in, Snapshots::Time now, char* out) {
  const FileName* file = FileOf(node);
  fuse_read_in asked;
  if (!file) return {EISDIR};
  if (!Take(in, asked)) return {EINVAL};
  std::string_view text = snapshots_.Read(file->file, asked.fh, asked.offset, now, render_);
  text = text.substr(0, std::min<size_t>(asked.size, kMaxBody));
  memcpy(out, text.data(), text.size());
  return {0, text.size()};
}

FuseServer::Body FuseServer::Release(std::string_view in) {
  fuse_release_in asked;
  if (Take(in, asked)) snapshots_.Close(asked.fh);
  return {};
}

}  // namespace cradle::lxcfs
