// StreamBase: what the tests of streaming have in common: the URLs, and a helper that dies.
#pragma once

#include <signal.h>

#include <filesystem>
#include <string>

#include "support/node_test.h"
#include "support/spdy_client.h"

namespace cradle::test {

class StreamBase : public NodeTest {
 protected:
  std::string ExecUrl(const std::string& container, const std::string& script, bool in = false, bool tty = false) {
    v1::ExecRequest request;
    request.set_container_id(container);
    for (const std::string& word : {std::string("sh"), std::string("-c"), script}) request.add_cmd(word);
    request.set_stdin(in);
    request.set_stdout(true);
    request.set_stderr(!tty);
    request.set_tty(tty);
    return Must(CRI_CALL(Exec, request)).url();
  }
  std::string AttachUrl(const std::string& container, bool in = false, bool tty = false) {
    v1::AttachRequest request;
    request.set_container_id(container);
    request.set_stdin(in);
    request.set_stdout(true);
    request.set_stderr(!tty);
    request.set_tty(tty);
    return Must(CRI_CALL(Attach, request)).url();
  }
  std::string ForwardUrl(const std::string& pod) {
    v1::PortForwardRequest request;
    request.set_pod_sandbox_id(pod);
    return Must(CRI_CALL(PortForward, request)).url();
  }
  // There is another one when it returns; what is asked of it waits until it has taken over.
  void KillShim(const std::string& pod) {
    pid_t shim = ShimOf(pod);
    ASSERT_EQ(::kill(shim, SIGKILL), 0);
    ASSERT_TRUE(Eventually([&] { return ShimOf(pod) != shim; }));
  }
  static size_t FdsOf(pid_t pid) {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
      count += entry.path().empty() ? 0 : 1;
    return count;
  }
  bool Runs(const std::string& container, const std::string& text) {
    return NodeTest::Exec(container, {"ps"}).stdout().find(text) != std::string::npos;
  }
};

}  // namespace cradle::test
