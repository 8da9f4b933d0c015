// EchoServer: sends back what it gets, and its end. Listens on loopback in the node's network. Its threads end with it.
#pragma once

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/sys/file.h"
#include "base/sys/socket.h"

namespace cradle::test {

class EchoServer {
 public:
  EchoServer() : listener_(std::move(*sys::ListenTcp("127.0.0.1", 0, 128))), thread_([this] { Run(); }) {}
  ~EchoServer() {
    stopped_ = true;
    thread_.join();
  }
  int port() const { return *sys::LocalPort(listener_); }

 private:
  static void Echo(UniqueFd socket) {
    char buffer[65536];
    for (;;) {
      auto got = sys::Read(socket, buffer, sizeof buffer);
      if (!got.ok() || *got == 0 || !sys::WriteAll(socket, buffer, *got).ok()) return;
    }
  }
  void Run() {
    std::vector<std::thread> echoes;
    while (!stopped_) {
      auto ready = sys::PollReadable(listener_, After(milliseconds(20)));
      if (!ready.ok() || !*ready) continue;
      if (auto accepted = sys::Accept(listener_, 0); accepted.ok())
        echoes.emplace_back([socket = std::move(*accepted)]() mutable { Echo(std::move(socket)); });
    }
    for (std::thread& echo : echoes) echo.join();
  }

  UniqueFd listener_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

}  // namespace cradle::test
