// make-builtin-image BUSYBOX DIRECTORY: an OCI layout with the image that a node can run without any registry:
// busybox with all its applets as hard links, and the few files that programs look for. A build tool.

#include <fcntl.h>

#include <cstdio>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "base/sys/socket.h"
#include "image/builtin/layout_writer.h"
#include "image/builtin/tar_writer.h"

namespace cradle::image {
namespace {

constexpr size_t kMaxProgram = 16 << 20, kMaxList = 64 << 10;

Result<std::string> Applets(const std::string& busybox) {
  sys::Pipe pipe = TRY(sys::MakePipe());
  sys::SpawnOptions options;
  options.program = busybox;
  options.args = {"busybox", "--list"};
  options.fds = {{pipe.write, 1}};
  sys::Child child = TRY(sys::Spawn(options));
  pipe.write.Reset();
  std::string list = TRY(sys::ReadAll(pipe.read, kMaxList));
  auto exit = TRY(sys::WaitPidfd(child.pidfd, After(seconds(10))));
  if (exit.code != 0 || list.empty()) return Internal(Cat(busybox, " --list failed"));
  return list;
}

void AddFolders(TarWriter& tar) {
  for (const char* folder : {"bin", "dev", "etc", "home", "proc", "sys", "usr", "usr/bin", "var", "var/log", "var/run"})
    tar.Directory(folder);
  tar.Directory("root", 0700);
  tar.Directory("tmp", 01777);
  tar.Directory("var/tmp", 01777);
}

Result<std::string> Layer(const std::string& busybox) {
  std::string program = TRY(sys::ReadFile(kCwd, busybox, kMaxProgram));
  std::string list = TRY(Applets(busybox));
  TarWriter tar;
  AddFolders(tar);
  tar.File("etc/passwd",
           "root:x:0:0:root:/root:/bin/sh\n"
           "www-data:x:33:33:www-data:/var/www:/bin/false\n"
           "nobody:x:65534:65534:nobody:/home:/bin/false\n");
  tar.File("etc/group", "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n");
  tar.File("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
  tar.File("bin/busybox", program, 0755);
  for (size_t at = 0, end; (end = list.find('\n', at)) != std::string::npos; at = end + 1) {
    std::string applet = list.substr(at, end - at);
    if (!applet.empty() && applet != "busybox" && applet.find('/') == std::string::npos)
      tar.HardLink("bin/" + applet, "bin/busybox");
  }
  return tar.Take();
}

Result<> Make(const std::string& busybox, const std::string& dir) {
  LayoutImage image;
  image.name = "cradle.local/busybox:latest";
  image.layers = {TRY(Layer(busybox))};
  image.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  image.cmd = {"sh"};
  return WriteLayout(dir, image);
}

}  // namespace
}  // namespace cradle::image

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make-builtin-image BUSYBOX DIRECTORY\n");
    return 2;
  }
  auto made = cradle::image::Make(argv[1], argv[2]);
  if (made.ok()) return 0;
  std::fprintf(stderr, "make-builtin-image: %s\n", made.error().text().c_str());
  return 1;
}
