// Files as tests need them: read what may be missing, write what must work, wait for a condition.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace cradle::test {

// How long anything may take before a test calls it lost. No test asserts on less. CRADLE_TEST_PATIENCE sets it, in
// seconds, where the machine is slow by its nature (an emulated one).
extern const std::chrono::seconds kPatience;

std::string ReadText(const std::string& path);  // "" when it isn't there
void WriteText(const std::string& path, const std::string& text, int mode = 0644);
std::vector<std::string> Lines(const std::string& text);

// Asks until the answer is yes or kPatience is over (false). The one place that looks again and again: for what
// announces itself nowhere.
bool Eventually(const std::function<bool()>& condition);

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace cradle::test
