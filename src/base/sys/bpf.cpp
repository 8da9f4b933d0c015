#include "base/sys/bpf.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace cradle::sys {
namespace {

int Call(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

}  // namespace

Result<UniqueFd> BpfOpen(bpf_cmd command, bpf_attr& attributes) {
  UniqueFd fd(Call(command, attributes));
  if (!fd.valid()) return Error::FromErrno(errno, "bpf");
  return fd;
}

Result<> Bpf(bpf_cmd command, bpf_attr& attributes) {
  if (Call(command, attributes) < 0) return Error::FromErrno(errno, "bpf");
  return {};
}

}  // namespace cradle::sys
