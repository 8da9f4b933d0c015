// UnpackProcess: one run of cradle-unpack, which turns one layer's archive into files below one directory.
// Bytes go in by Write; Finish waits for its verdict. Destroying it kills the program and reaps it. Used by one thread,
// but Kill may come from any. What the program says is taken as hostile. SIGPIPE must be ignored in this process.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/sys/process.h"
#include "image/store_config.h"
#include "unpack/report.h"

namespace cradle::image {

struct Unpacked {
  std::string diff_id;
  uint64_t bytes = 0, inodes = 0;
  std::vector<std::string> opaque;  // folders to be marked, below the directory
};

class UnpackProcess {
 public:
  // Directories of the layers below, topmost first. Called when the archive needs them; may block.
  using Lowers = std::function<Result<std::vector<std::string>>()>;

  static Result<std::unique_ptr<UnpackProcess>> Start(const StoreConfig& config, const std::string& dir, Lowers lowers);
  ~UnpackProcess();
  UnpackProcess(const UnpackProcess&) = delete;
  UnpackProcess& operator=(const UnpackProcess&) = delete;

  // Blocks while the program is busy. An error is the program's own complaint, if it had one. What is little waits for more.
  Result<> Write(std::string_view bytes);
  Result<Unpacked> Finish();
  // Of the whole archive, when it was read to its end: known after Finish, though that may have failed.
  const std::string& blob_digest() const { return last_.blob_digest; }
  // Wakes whoever waits in Write or Finish.
  void Kill();
  pid_t pid() const { return child_.pid; }

 private:
  UnpackProcess(sys::Child child, UniqueFd input, UniqueFd talk, Lowers lowers);
  Result<> Send();
  Result<> Wait(bool for_room);
  Result<> HandleMessage();
  Result<> SendLowers();
  Error Verdict();

  sys::Child child_;
  UniqueFd input_;     // its standard input, non-blocking
  std::string batch_;  // not yet written there
  UniqueFd talk_;
  Lowers lowers_;
  bool reaped_ = false;
  bool finished_ = false;  // its last message is here
  unpack::Message last_;
  std::vector<std::string> opaque_;
};

}  // namespace cradle::image
