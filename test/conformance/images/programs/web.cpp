// web PORT [WORD...]: answers every HTTP request with 200, one after the other. Its name (nginx,
// httpd) is that of its file; WORDs only show in its command line. Says that it serves, and leaves
// its pid in /var/run/NAME.pid.
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void die(const char* what) {
  perror(what);
  exit(1);
}

static void on_signal(int number) { _exit(128 + number); }

// Whoever sees the file sees the whole pid.
static void write_pid(const char* name) {
  char path[64], temporary[64];
  snprintf(path, sizeof path, "/var/run/%s.pid", name);
  snprintf(temporary, sizeof temporary, "/var/run/.%s.pid", name);
  FILE* file = fopen(temporary, "w");
  if (!file) die(temporary);
  fprintf(file, "%d\n", getpid());
  if (fclose(file) || rename(temporary, path)) die(path);
}

static int listen_on(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) || listen(fd, 64)) die("listen");
  return fd;
}

static void answer(int fd) {
  static const char reply[] =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
      "ok\n";
  char head[8192];
  size_t used = 0;
  ssize_t n;
  // One silent client must not hold up the others for long.
  timeval limit = {3, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  while (used < sizeof head - 1 && (n = read(fd, head + used, sizeof head - 1 - used)) > 0) {
    used += n;
    head[used] = 0;
    if (!strstr(head, "\r\n\r\n")) continue;
    if (write(fd, reply, sizeof reply - 1) < 0) break;
    shutdown(fd, SHUT_WR);
    break;
  }
  close(fd);
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const char* name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
  // PID 1 of a namespace has no default actions.
  signal(SIGTERM, on_signal);
  signal(SIGINT, on_signal);
  signal(SIGQUIT, on_signal);
  signal(SIGPIPE, SIG_IGN);
  int listener = listen_on(atoi(argv[1]));
  write_pid(name);
  printf("%s: serving on port %s\n", name, argv[1]);
  fflush(stdout);
  for (;;) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) answer(fd);
  }
}
