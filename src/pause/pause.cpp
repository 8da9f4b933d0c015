// cradle-pause: sleeps for good, in one of these places. Freestanding: no libc, a few kilobytes, one page of stack.
//
//   pause       the infra process of a pod: keeps its namespaces alive, and holds what a shim's successor needs. In a pid
//               namespace that no container of the pod shares.
//   its child   PID 1 of the pid namespace that containers share, where they do: a process that has nothing. Either ends
//               when the other does. Zombies are reaped by the kernel (SIGCHLD ignored).
//   hold        keeps a new scope of systemd's. Given a descriptor 3, it first reads a byte there, and ends if the writer
//               has gone without one: what it was started for never came to be.
//
// SIGTERM and SIGINT end it when they come from the host. As PID 1 it ignores those sent from inside its pid namespace
// (si_pid is 0 for a sender that it can't see): a container must not be able to end its pod.
//
// Whoever may trace it (CAP_SYS_PTRACE) can make it do what it may: it has no rights (container/init), and this is all
// that its filter lets through: to wait, and to end.
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/wait.h>

namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
#else
#error "cradle-pause: no system call sequence for this architecture"
#endif

// The kernel's struct sigaction (rt_sigaction(2)).
struct KernelAction {
  unsigned long handler, flags, restorer, mask;
};
constexpr unsigned long kIgnore = 1;  // SIG_IGN
constexpr unsigned long Bit(int signal) { return 1ul << (signal - 1); }

long AddressOf(const void* what) { return reinterpret_cast<long>(what); }

constexpr unsigned kErrno = 1;  // EPERM
constexpr sock_filter kFilter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, __builtin_offsetof(seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, __builtin_offsetof(seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_rt_sigtimedwait, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit_group, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | kErrno),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

// A kernel without filters: then what it may is all that holds it.
void LeaveOnlySleep() {
  sock_fprog program{sizeof kFilter / sizeof kFilter[0], const_cast<sock_filter*>(kFilter)};
  Call(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0);
  Call(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, AddressOf(&program));
}

}  // namespace

extern "C"
    [[noreturn]]
#if defined(__x86_64__)
    __attribute__((force_align_arg_pointer))
#endif
    void
    _start() {
  Call(__NR_prctl, PR_SET_DUMPABLE, 0);
  bool first = Call(__NR_getpid) == 1;
  KernelAction ignore{kIgnore, 0, 0, 0};
  if (first) Call(__NR_rt_sigaction, SIGCHLD, AddressOf(&ignore), 0, sizeof ignore.mask);
  unsigned long ends = Bit(SIGTERM) | Bit(SIGINT) | (first ? 0 : Bit(SIGCHLD));
  Call(__NR_rt_sigprocmask, SIG_BLOCK, AddressOf(&ends), 0, sizeof ends);
  char go;
  if (Call(__NR_read, 3, AddressOf(&go), 1) == 0) Call(__NR_exit_group, 0);
  if (Call(__NR_wait4, -1, 0, WNOHANG) > 0) Call(__NR_exit_group, 0);  // before its end would have been heard
  LeaveOnlySleep();
  for (;;) {
    siginfo_t info;
    long got = Call(__NR_rt_sigtimedwait, AddressOf(&ends), AddressOf(&info), 0, sizeof ends);
    if (got > 0 && (!first || info.si_pid == 0)) Call(__NR_exit_group, 0);
  }
}
