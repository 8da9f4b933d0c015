// What a child said, in words.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/sys/socket.h"
#include "container/init/plan.h"
#include "shim/launch.h"

namespace cradle::shim {
namespace {

using init::Step;

// The reason as people read it in other runtimes' messages.
Error ExecError(const std::string& program, int err) {
  if (err == ENOENT) return NotFound(Cat("exec \"", program, "\": no such file or directory"));
  if (err == EACCES)
    return {Code::kPermissionDenied, Cat("exec \"", program, "\": permission denied")};
  if (err == ENOEXEC) return InvalidArgument(Cat("exec \"", program, "\": exec format error"));
  return Error::FromErrno(err, Cat("exec \"", program, "\""));
}

Error NotInPath(const std::string& name, int err) {
  if (err == EACCES)
    return {Code::kPermissionDenied, Cat("exec: \"", name, "\": permission denied")};
  return NotFound(Cat("exec: \"", name, "\": executable file not found in $PATH"));
}

Error NameError(std::string_view what, const std::string& name, const char* file, int err) {
  std::string quoted = Cat(what, " \"", name, "\"");
  if (err == ENOENT) return InvalidArgument(Cat(quoted, " not found in the image's ", file));
  if (err == ERANGE) return InvalidArgument(Cat(quoted, " is out of range"));
  return Error::FromErrno(err, quoted);
}

Error AppArmorError(const std::string& profile, int err) {
  std::string quoted = Cat("apparmor profile \"", profile, "\"");
  if (err == ENOENT) return FailedPrecondition(Cat(quoted, " is not loaded"));
  return Error::FromErrno(err, quoted).As(Code::kFailedPrecondition);
}

Error SelinuxError(const std::string& label, int err) {
  std::string quoted = Cat("selinux label \"", label, "\"");
  if (err == EINVAL) return InvalidArgument(Cat(quoted, " is not one of the node's policy"));
  return Error::FromErrno(err, quoted).As(Code::kFailedPrecondition);
}

Error Propagates(const std::string& path, const char* wanted) {
  return FailedPrecondition(Cat("path \"", path, "\" is not on a ", wanted, " mount"));
}

// The kubelet knows the reason by this word.
constexpr char kImageFailed[] = "ImageVolumeMountFailed";

Error ImagePathError(const std::string& path, const std::string& at, int err) {
  std::string what = Cat(kImageFailed, ": mount at \"", at, "\": image_sub_path \"", path.substr(1), "\"");
  if (err == ENOENT || err == ENOTDIR) return InvalidArgument(Cat(what, " doesn't exist in the image"));
  return Error::FromErrno(err, what).As(Code::kInvalidArgument);
}

Error Describe(Step step, int err, const std::string& what, const std::string& at) {
  auto with = [err](const std::string& text) { return Error::FromErrno(err, text); };
  auto internal = [&](const std::string& text) { return with(text).As(Code::kInternal); };
  auto invalid = [&](const std::string& text) { return with(text).As(Code::kInvalidArgument); };
  switch (step) {
    case Step::kNone: break;
    case Step::kSetup: return internal(what);
    case Step::kAppArmor: return AppArmorError(what.substr(what.find(' ') + 1), err);
    case Step::kSelinux: return SelinuxError(what, err);
    case Step::kCgroup: return internal("join cgroup");
    case Step::kNamespaces:
      if (err == ESRCH)
        return FailedPrecondition("the process whose namespaces are joined is gone");
      return internal(Cat("enter namespaces: ", what));
    case Step::kHostname: return invalid(Cat("set hostname \"", what, "\""));
    case Step::kSysctl: return invalid(Cat("set sysctl ", what, " to \"", at, "\""));
    case Step::kShm: return internal("make the pod's /dev/shm");
    case Step::kMapIds:
      return invalid(Cat("mount at \"", at, "\": \"", what,
                         "\" can't have the ids of the pod's user namespace (id-mapped mount)"));
    case Step::kBindSource: return with(Cat("mount at \"", at, "\": host_path \"", what, "\""));
    case Step::kMount: return with(Cat("mount \"", what, "\" at \"", at, "\""));
    case Step::kNotShared: return Propagates(what, "shared");
    case Step::kNotSlave: return Propagates(what, "shared or slave");
    case Step::kOverlay: return internal(Cat("mount the root file system: ", what));
    case Step::kImagePath: return ImagePathError(what, at, err);
    case Step::kImage: return internal(Cat(kImageFailed, ": mount at \"", at, "\": ", what));
    case Step::kRoot: return internal(Cat("enter the root file system: ", what));
    case Step::kDevice: return with(Cat("make device \"", what, "\""));
    case Step::kTerminal: return internal(Cat("make the terminal: ", what));
    case Step::kView: return internal(Cat("place the view of \"", what, "\""));
    case Step::kMask: return internal(Cat("mask \"", what, "\""));
    case Step::kReadonly: return internal(Cat("make \"", what, "\" read-only"));
    case Step::kDirectory: return invalid(Cat("make directory \"", what, "\""));
    case Step::kUser: return NameError("user", what, "/etc/passwd", err);
    case Step::kGroup: return NameError("group", what, "/etc/group", err);
    case Step::kUserFile: return invalid(Cat("read the image's ", what));
    case Step::kTooManyGroups: return InvalidArgument("more than 1024 groups");
    case Step::kRlimit: return invalid("set resource limits");
    case Step::kPrivileges: return internal(what);
    case Step::kSeccomp:
      return err == EINVAL ? invalid("load the seccomp filter")
                           : internal("load the seccomp filter");
    case Step::kWorkingDirectory:
      if (err == EXDEV)
        return InvalidArgument(Cat("working directory \"", what, "\" is outside the container"));
      return invalid(Cat("working directory \"", what, "\""));
    case Step::kStdio: return internal("connect standard streams");
    case Step::kNotInPath: return NotInPath(what, err);
    case Step::kExec: return ExecError(what, err);
  }
  return Internal("the process reported a step that is not known");
}

Report Failed(Error error) {
  Report report;
  report.kind = Report::Kind::kFailed;
  report.error = std::move(error);
  return report;
}

Report ParseBorn(const init::PacketHead& head, sys::Message& message) {
  if (head.pid <= 0 || message.fds.empty())
    return Failed(Internal("the process sent a malformed report"));
  Report report;
  report.kind = Report::Kind::kBorn;
  report.pid = head.pid;
  report.pidfd = std::move(message.fds.front());
  return report;
}

Report ParseReady(const init::PacketHead& head, std::string_view rest, sys::Message& message) {
  if (head.groups > init::kMaxGroups || rest.size() != head.groups * sizeof(uint32_t))
    return Failed(Internal("the process sent a malformed report"));
  Report report;
  report.kind = Report::Kind::kReady;
  report.user.uid = head.uid;
  report.user.gid = head.gid;
  report.user.groups.resize(head.groups);
  if (head.groups) std::memcpy(report.user.groups.data(), rest.data(), rest.size());
  if (!message.fds.empty()) report.terminal = std::move(message.fds.front());
  return report;
}

Report ParseFailed(const init::PacketHead& head, std::string_view rest) {
  size_t zero = std::min(rest.find('\0'), rest.size());
  std::string what(rest.substr(0, zero)), at(rest.substr(std::min(zero + 1, rest.size())));
  return Failed(Describe(head.step, head.err, what, at));
}

}  // namespace

Report ReadReport(FdRef report) {
  Result<sys::Message> message = sys::ReceiveMessage(report, init::kMaxPacket);
  if (!message.ok()) {
    int err = message.error().err();
    if (err == EAGAIN) return {};
    if (err != ECONNRESET)
      return Failed(std::move(message.error()).With("read the process's report"));
  }
  if (!message.ok() || message->data.empty()) {
    Report execed;
    execed.kind = Report::Kind::kExeced;
    return execed;
  }
  init::PacketHead head{};
  if (message->data.size() < sizeof head)
    return Failed(Internal("the process sent a malformed report"));
  std::memcpy(&head, message->data.data(), sizeof head);
  std::string_view rest = std::string_view(message->data).substr(sizeof head);
  if (head.kind == init::Packet::kBorn) return ParseBorn(head, *message);
  return head.kind == init::Packet::kReady ? ParseReady(head, rest, *message)
                                           : ParseFailed(head, rest);
}

}  // namespace cradle::shim
