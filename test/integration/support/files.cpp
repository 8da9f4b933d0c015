#include "support/files.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace cradle::test {
namespace {

std::chrono::seconds Patience() {
  const char* given = std::getenv("CRADLE_TEST_PATIENCE");
  return std::chrono::seconds(given ? std::stoi(given) : 60);
}

}  // namespace

const std::chrono::seconds kPatience = Patience();

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  return text.str();
}

void WriteText(const std::string& path, const std::string& text, int mode) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
  std::filesystem::permissions(path, static_cast<std::filesystem::perms>(mode));
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool Eventually(const std::function<bool()>& condition) {
  auto end = std::chrono::steady_clock::now() + kPatience;
  for (auto pause = std::chrono::milliseconds(2); !condition(); pause = std::min(pause * 2, std::chrono::milliseconds(50))) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

TempDir::TempDir() {
  std::string name = "/tmp/cradle-test-XXXXXX";
  if (!::mkdtemp(name.data())) throw std::runtime_error("mkdtemp " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace cradle::test
