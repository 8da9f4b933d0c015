// Installed setuid root: its effective uid tells whether that was honoured.
#include <stdio.h>
#include <unistd.h>

int main() {
  printf("Effective uid: %d\n", static_cast<int>(geteuid()));
  return 0;
}
