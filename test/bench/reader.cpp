// reader ROUNDS PATH...: what one open, read to the end and close of each file takes, as its reader sees it. Static, to run
// in any container. Prints for each: path, the first time, the median of reads after a pause, the median of all;
// microseconds. It pauses between a few reads, as who measures a server with an account must; after a pause nobody has an
// answer ready.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

double ReadOnce(const char* path) {
  static char buffer[64 * 1024];
  auto begin = std::chrono::steady_clock::now();
  int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  while (::read(file, buffer, sizeof buffer) > 0) {
  }
  ::close(file);
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
}

double Median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kBetweenPauses = 10;
  constexpr useconds_t kPause = 11'000;
  int rounds = argc > 2 ? std::atoi(argv[1]) : 0;
  for (int i = 2; i < argc; ++i) {
    double first = ReadOnce(argv[i]);
    if (first < 0) continue;
    std::vector<double> times, fresh;
    for (int round = 0; round < rounds; ++round) {
      const bool paused = round % kBetweenPauses == 0;
      if (paused) ::usleep(kPause);
      times.push_back(ReadOnce(argv[i]));
      if (paused) fresh.push_back(times.back());
    }
    if (!times.empty()) std::printf("%s %.1f %.1f %.1f\n", argv[i], first, Median(fresh), Median(times));
  }
}
