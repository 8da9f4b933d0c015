// The default profile as data. Facts: containerd's contrib/seccomp, Docker's default profile.
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "container/seccomp_profile.h"

namespace cradle::container {
namespace {

// Always allowed.
constexpr std::string_view kAllowed =
    "_llseek _newselect accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown "
    "chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 "
    "clock_nanosleep clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 "
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd "
    "eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark "
    "fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock "
    "fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex "
    "futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu "
    "getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer "
    "getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 "
    "getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid getuid32 getxattr getxattrat "
    "inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents io_pgetevents "
    "io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set ipc kill landlock_add_rule "
    "landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr "
    "listxattrat llistxattr lremovexattr lseek lsetxattr lsm_get_self_attr lsm_list_modules lsm_set_self_attr lstat "
    "lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock "
    "mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 "
    "mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall "
    "munmap name_to_handle_at nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 "
    "pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 "
    "process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv "
    "recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat "
    "renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn "
    "rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max "
    "sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
    "sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield "
    "seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg "
    "sendto set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 "
    "setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid "
    "setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr setxattrat shmat shmctl "
    "shmdt shmget shutdown sigaltstack signalfd signalfd4 sigprocmask sigreturn socketcall socketpair splice stat "
    "stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time "
    "timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 "
    "timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate "
    "truncate64 ugetrlimit umask uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork "
    "vmsplice wait4 waitid waitpid write writev";

#if defined(__x86_64__)
constexpr std::string_view kAllowedHere = "arch_prctl modify_ldt";
#else
constexpr std::string_view kAllowedHere =
    "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls";
#endif

// Allowed with a capability.
struct Extra {
  int capability;
  std::string_view names;
};
constexpr std::array kExtras = {
    Extra{CAP_DAC_READ_SEARCH, "open_by_handle_at"},
    Extra{CAP_SYS_ADMIN,
          "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount "
          "open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 "
          "unshare"},
    Extra{CAP_SYS_BOOT, "reboot"},
    Extra{CAP_SYS_CHROOT, "chroot"},
    Extra{CAP_SYS_MODULE, "delete_module init_module finit_module"},
    Extra{CAP_SYS_PACCT, "acct"},
    Extra{CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise"},
    Extra{CAP_SYS_RAWIO, "iopl ioperm"},
    Extra{CAP_SYS_TIME, "settimeofday stime clock_settime clock_settime64"},
    Extra{CAP_SYS_TTY_CONFIG, "vhangup"},
    Extra{CAP_SYS_NICE, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    Extra{CAP_SYSLOG, "syslog"},
    Extra{CAP_BPF, "bpf"},
    Extra{CAP_PERFMON, "perf_event_open"},
};

constexpr uint64_t kNamespaces =
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
// What uname26 and setarch use: PER_LINUX, PER_LINUX32, with UNAME26 or not; and the question for the present one.
constexpr std::array<uint64_t, 5> kPersonalities = {0, 8, 0x20000, 0x20008, 0xffffffff};

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

SeccompRule Allow(std::string_view names) { return {Words(names), SECCOMP_RET_ALLOW, {}}; }

SeccompRule When(const char* name, uint32_t action, SeccompArg arg) { return {{name}, action, {arg}}; }

// The kernel reads an int from the register's lower half, so the upper one must not decide.
SeccompArg LowerHalfIs(uint64_t value) {
  return {.index = 0, .op = SeccompArg::Op::kMaskedEqual, .value = 0xffffffff, .masked_value = value};
}

bool Has(uint64_t caps, int capability) { return (caps >> capability & 1) != 0; }

}  // namespace

SeccompProfile DefaultSeccompProfile(uint64_t caps) {
  constexpr uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
  SeccompProfile profile{.default_action = kRefuse, .compat = true, .rules = {}};
  auto& rules = profile.rules;
  rules = {Allow(kAllowed), Allow(kAllowedHere), Allow("process_vm_readv process_vm_writev ptrace"), Allow("socket")};
  for (const int family : {AF_ALG, AF_VSOCK})
    rules.push_back(When("socket", kRefuse, LowerHalfIs(static_cast<uint64_t>(family))));
  for (const uint64_t personality : kPersonalities)
    rules.push_back(When("personality", SECCOMP_RET_ALLOW, LowerHalfIs(personality)));
  for (const Extra& extra : kExtras)
    if (Has(caps, extra.capability)) rules.push_back(Allow(extra.names));
  if (!Has(caps, CAP_SYS_ADMIN)) {
    rules.push_back(When("clone", SECCOMP_RET_ALLOW,
                         {.index = 0, .op = SeccompArg::Op::kMaskedEqual, .value = kNamespaces, .masked_value = 0}));
    // Its flags are behind a pointer, where no filter can look. ENOSYS makes C libraries fall back to clone.
    rules.push_back({{"clone3"}, SECCOMP_RET_ERRNO | ENOSYS, {}});
  }
  return profile;
}

}  // namespace cradle::container
