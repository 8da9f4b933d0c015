// A pod's directory, a real cradle-shim started as cradled starts it, and a client of it. What a test makes is gone
// after it, and it says so when it isn't.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/sys/process.h"
#include "shim/client.h"

namespace cradle::shim {

inline constexpr seconds kPatience{60};

// Exits as a client is told them, from any thread.
class Exits {
 public:
  void Add(ExitInfo exit);
  void SetLost();
  // Waits for it. A default one, with a failure, when it doesn't come.
  ExitInfo Of(const std::string& container);
  bool WaitLost();
  int Told(const std::string& container);

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, std::vector<ExitInfo>> exits_;
  bool lost_ = false;
};

class ShimTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  void StartShim();
  std::shared_ptr<ShimClient> Connect(Exits& exits);
  // For a further client. It lives as long as the loop that calls it.
  Exits& MoreExits() { return more_exits_.emplace_back(); }
  void StartPause();
  container::LaunchPlan Plan(const std::string& script);
  container::ExecPlan ExecOf(const container::LaunchPlan& plan, const std::string& script);
  // Creates and starts.
  void Run(const container::LaunchPlan& plan);
  std::string LogText(const container::LaunchPlan& plan, const std::string& suffix = "");
  // The contents of the log's records, in order.
  std::vector<std::string> LogLines(const std::string& path, const std::string& stream = "stdout");
  Result<ExecResult> Exec(const container::ExecPlan& plan, Deadline deadline = After(kPatience));
  std::string V2Group(const std::string& name);  // "" when there is no v2 tree
  Deadline Soon() { return After(kPatience); }

  std::string dir_;
  std::string socket_;
  sys::Child shim_;
  Exits exits_;
  std::deque<Exits> more_exits_;
  std::unique_ptr<ShimLoop> loop_;
  std::shared_ptr<ShimClient> client_;
  std::string v2_root_;

 private:
  void MakeImage();
  int containers_ = 0;
  std::vector<std::string> groups_;
};

}  // namespace cradle::shim
