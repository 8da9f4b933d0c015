// Thread: a thread with a small stack of a stated size and a name, joined by its owner's destructor, or detached. std::thread
// knows no stack size, and the programs without exceptions couldn't see it fail.
#pragma once

#include <pthread.h>

#include <functional>
#include <memory>

#include "base/result.h"

namespace cradle::sys {

class Thread {
 public:
  // `name`: at most 15 bytes. Signals that the caller has blocked are blocked in it too.
  static Result<std::unique_ptr<Thread>> Start(const char* name, size_t stack_bytes,
                                               std::function<void()> body);
  // One that nobody joins: `body` owns all that it uses.
  static Result<> Detach(const char* name, size_t stack_bytes, std::function<void()> body);
  ~Thread();  // waits for the body to return
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

 private:
  Thread(const char* name, std::function<void()> body) : name_(name), body_(std::move(body)) {}
  Result<> Create(size_t stack_bytes, int detach_state, void* (*enter)(void*));
  void Enter();

  const char* const name_;
  std::function<void()> body_;
  pthread_t thread_{};
};

}  // namespace cradle::sys
