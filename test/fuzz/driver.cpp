// The driver of a fuzz target where libFuzzer isn't there: mutates seeds, the same way every time, and runs the target.
//
//   fuzz_NAME [--runs N | --seconds S] [--seed N] SEEDS...     SEEDS: text, one input a line, with C's escapes
//   fuzz_NAME --replay FILE...                                 runs the bytes of these files, once
//   fuzz_NAME --write DIR SEEDS...                             writes the seeds as files: a corpus for libFuzzer
//
// In a build with coverage (preset fuzz) an input that reaches something new is kept and mutated further. A target that
// fails, or takes longer than kPatience, leaves its input in crash-NAME.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz.h"

extern "C" void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

namespace {

constexpr size_t kMaxInput = 64 * 1024;
constexpr unsigned kPatience = 30;  // seconds
constexpr size_t kEdges = 1 << 16;

// --- coverage: which edges between blocks were taken, and about how often ---

uint8_t g_hits[kEdges];
uint8_t g_known[kEdges];
uintptr_t g_previous;

// The hit's count as one bit: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more.
uint8_t Bucket(uint8_t hits) {
  static constexpr int kFrom[] = {128, 32, 16, 8, 4, 3, 2, 1};
  for (int i = 0; i < 8; ++i)
    if (hits >= kFrom[i]) return static_cast<uint8_t>(0x80 >> i);
  return 0;
}

// Whether the last run reached something new; forgets the run.
bool TakeNews() {
  bool news = false;
  for (size_t i = 0; i < kEdges; ++i) {
    static constexpr uint8_t kNothing[64] = {};
    if (i % 64 == 0 && std::memcmp(g_hits + i, kNothing, 64) == 0) i += 63;
    if (g_hits[i] == 0) continue;
    uint8_t bucket = Bucket(g_hits[i]);
    news = news || (bucket & ~g_known[i]);
    g_known[i] |= bucket;
    g_hits[i] = 0;
  }
  g_previous = 0;
  return news;
}

size_t KnownEdges() {
  size_t count = 0;
  for (uint8_t known : g_known) count += known != 0;
  return count;
}

// --- one run ---

std::string g_input;
std::string g_crash_file;

// Only what a signal handler may do.
void LeaveInput() {
  int fd = ::open(g_crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return;
  [[maybe_unused]] ssize_t written = ::write(fd, g_input.data(), g_input.size());
  ::close(fd);
  static constexpr char kSaid[] = "the target failed; its input: ";
  written = ::write(2, kSaid, sizeof kSaid - 1);
  written = ::write(2, g_crash_file.data(), g_crash_file.size());
  written = ::write(2, "\n", 1);
}

void OnSignal(int signal) {
  LeaveInput();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void Run(std::string input) {
  g_input = std::move(input);
  // A copy of its own size: what reads beyond it is seen by the sanitizer.
  std::vector<uint8_t> bytes(g_input.begin(), g_input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

// --- mutations ---

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}
  size_t Below(size_t limit) { return static_cast<size_t>(random_() % limit); }

  std::string Mutate(const std::vector<std::string>& corpus) {
    std::string input = corpus[Below(corpus.size())];
    for (size_t i = 0, steps = 1 + Below(5); i < steps; ++i) Step(input, corpus);
    if (input.size() > kMaxInput) input.resize(kMaxInput);
    return input;
  }

 private:
  char Byte() {
    static constexpr char kTelling[] = {0, 1, 2, 4, 8, 16, 32, 64, 127, -128, -1, '\r', '\n', ' ', '0', '9', 'A', '%'};
    return Below(2) ? kTelling[Below(sizeof kTelling)] : static_cast<char>(random_());
  }
  void Step(std::string& input, const std::vector<std::string>& corpus) {
    size_t at = input.empty() ? 0 : Below(input.size());
    size_t size = input.empty() ? 0 : 1 + Below(std::min<size_t>(input.size() - at, 32));
    switch (input.empty() ? 1 : Below(8)) {
      case 0: input[at] = static_cast<char>(input[at] ^ (1 << Below(8))); break;
      case 1: input.insert(at, 1 + Below(8), Byte()); break;
      case 2: input[at] = Byte(); break;
      case 3: input.erase(at, size); break;
      case 4: input.insert(Below(input.size()), input.substr(at, size)); break;  // doubled
      case 5: input.resize(at); break;
      case 6: input[at] = static_cast<char>(input[at] + static_cast<char>(Below(33)) - 16); break;
      default: {  // a piece of another one
        const std::string& other = corpus[Below(corpus.size())];
        if (other.empty()) return;
        size_t from = Below(other.size());
        input.replace(at, Below(2) ? 0 : size, other, from, 1 + Below(other.size() - from));
      }
    }
  }

  std::mt19937_64 random_;
};

// --- the command line ---

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) Fail("can't read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string Unescape(const std::string& line) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out.push_back(line[i]);
      continue;
    }
    char kind = line[++i];
    if (kind == 'x') {
      out.push_back(static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16)));
      i += 2;
    } else {
      out.push_back(kind == 'n' ? '\n' : kind == 'r' ? '\r' : kind == 't' ? '\t' : kind);
    }
  }
  return out;
}

std::vector<std::string> ReadSeeds(const std::string& path) {
  std::vector<std::string> seeds;
  std::ifstream in(path);
  if (!in) Fail("can't read " + path);
  for (std::string line; std::getline(in, line);)
    if (!line.empty() && line[0] != '#') seeds.push_back(Unescape(line));
  return seeds;
}

struct Options {
  uint64_t runs = 20000, seconds = 0, seed = 1;
  bool replay = false;
  std::string write;
  std::vector<std::string> files;
};

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    auto value = [&] { return i + 1 < argc ? argv[++i] : "0"; };
    if (word == "--runs") options.runs = std::stoull(value());
    else if (word == "--seconds") options.seconds = std::stoull(value());
    else if (word == "--seed") options.seed = std::stoull(value());
    else if (word == "--write") options.write = value();
    else if (word == "--replay") options.replay = true;
    else options.files.push_back(word);
  }
  if (options.files.empty()) Fail("usage: fuzz_NAME [--runs N | --seconds S] [--seed N] SEEDS... (or --replay, --write)");
  return options;
}

void Fuzz(const Options& options, std::vector<std::string> corpus, const char* name) {
  Mutator mutator(options.seed);
  for (const std::string& seed : corpus) {
    Run(seed);
    TakeNews();
  }
  size_t seeds = corpus.size();
  uint64_t runs = 0;
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(options.seconds);
  auto more = [&] { return options.seconds ? std::chrono::steady_clock::now() < end : runs < options.runs; };
  for (; more(); ++runs) {
    if (runs % 256 == 0) ::alarm(kPatience);
    Run(mutator.Mutate(corpus));
    if (TakeNews()) corpus.push_back(g_input);
  }
  ::alarm(0);
  std::printf("%s: %llu runs, %zu seeds, %zu inputs kept, %zu edges\n", name, static_cast<unsigned long long>(runs),
              seeds, corpus.size() - seeds, KnownEdges());
}

}  // namespace

// Called by instrumented code at each block.
extern "C" void __sanitizer_cov_trace_pc();
void __sanitizer_cov_trace_pc() {
  auto here = reinterpret_cast<uintptr_t>(__builtin_return_address(0)) * 0x9e3779b97f4a7c15u >> 40;
  uint8_t& hits = g_hits[(here ^ g_previous) % kEdges];
  if (hits != 255) ++hits;
  g_previous = here >> 1;
}

int main(int argc, char** argv) {
  Options options = Parse(argc, argv);
  std::string self = argv[0];
  g_crash_file = "crash-" + self.substr(self.rfind('/') + 1);
  for (int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGALRM}) ::signal(signal, OnSignal);
  ::signal(SIGPIPE, SIG_IGN);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(LeaveInput);
  if (options.replay) {
    for (const std::string& file : options.files) Run(ReadFile(file));
    return 0;
  }
  std::vector<std::string> seeds;
  for (const std::string& file : options.files)
    for (std::string& seed : ReadSeeds(file)) seeds.push_back(std::move(seed));
  if (seeds.empty()) Fail("no seeds");
  if (!options.write.empty()) {
    for (size_t i = 0; i < seeds.size(); ++i)
      std::ofstream(options.write + "/" + std::to_string(i), std::ios::binary) << seeds[i];
    return 0;
  }
  Fuzz(options, std::move(seeds), self.substr(self.rfind('/') + 1).c_str());
}
