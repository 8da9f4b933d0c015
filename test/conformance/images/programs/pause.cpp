// Does nothing until it is told to end.
#include <signal.h>
#include <unistd.h>

static void on_signal(int number) { _exit(128 + number); }

int main() {
  signal(SIGTERM, on_signal);
  signal(SIGINT, on_signal);
  for (;;) pause();
}
