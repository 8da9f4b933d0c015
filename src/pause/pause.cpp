// cradle-pause: the infra process of a pod. It keeps the pod's namespaces alive, and is PID 1 of a
// shared pid namespace. Freestanding: no libc, a few kilobytes, one page of stack. It sleeps for
// good: zombies are reaped by the kernel (SIGCHLD ignored), so nothing ever wakes it but the signal
// that ends it.
//
// SIGTERM and SIGINT end it when they come from the host. As PID 1 it ignores those sent from
// inside its pid namespace (si_pid is 0 for a sender that it can't see): a container must not be
// able to end its pod.
//
// Given a descriptor 3, it first reads a byte there, and ends if the writer has gone without one:
// what it was started for never came to be.
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/prctl.h>

namespace {

#if defined(__x86_64__)
long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
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

}  // namespace

extern "C"
    [[noreturn]]
#if defined(__x86_64__)
    __attribute__((force_align_arg_pointer))
#endif
    void
    _start() {
  Call(__NR_prctl, PR_SET_DUMPABLE, 0);
  KernelAction ignore{kIgnore, 0, 0, 0};
  Call(__NR_rt_sigaction, SIGCHLD, reinterpret_cast<long>(&ignore), 0, sizeof ignore.mask);
  unsigned long ends = Bit(SIGTERM) | Bit(SIGINT);
  Call(__NR_rt_sigprocmask, SIG_BLOCK, reinterpret_cast<long>(&ends), 0, sizeof ends);
  char go;
  if (Call(__NR_read, 3, reinterpret_cast<long>(&go), 1) == 0) Call(__NR_exit_group, 0);
  bool first = Call(__NR_getpid) == 1;
  for (;;) {
    siginfo_t info;
    long got = Call(__NR_rt_sigtimedwait, reinterpret_cast<long>(&ends),
                    reinterpret_cast<long>(&info), 0, sizeof ends);
    if (got > 0 && (!first || info.si_pid == 0)) Call(__NR_exit_group, 0);
  }
}
