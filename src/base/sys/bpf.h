// bpf(2), as far as programs on cgroups need it: the man page's commands and attributes, Result out,
// no policy. Any thread.
#pragma once

#include <linux/bpf.h>

#include "base/fd.h"
#include "base/result.h"

namespace cradle::sys {

// For commands that answer with a descriptor: BPF_PROG_LOAD, BPF_PROG_GET_FD_BY_ID. It is
// close-on-exec.
Result<UniqueFd> BpfOpen(bpf_cmd command, bpf_attr& attributes);
// For the others: BPF_PROG_ATTACH, BPF_PROG_DETACH, BPF_PROG_QUERY (which fills `attributes`).
Result<> Bpf(bpf_cmd command, bpf_attr& attributes);

}  // namespace cradle::sys
