// Ctl: a cradlectl that runs, with pipes or with a terminal, and what it shows. Its destructor kills it. One thread.
#pragma once

#include <termios.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/sys/process.h"

namespace cradle::test {

class Ctl {
 public:
  // Standard input: `input`, a file; /dev/null when invalid.
  Ctl(const std::string& socket, std::vector<std::string> words, UniqueFd input = {});
  struct Terminal {
    uint16_t width, height;
  };
  Ctl(const std::string& socket, std::vector<std::string> words, Terminal size);
  ~Ctl();

  void Type(const std::string& keys);
  void CloseOutput() { out_.Reset(); }
  void Signal(int signal);
  void Resize(uint16_t width, uint16_t height);
  // Reads until the text has come.
  bool Shows(const std::string& text);
  // Its exit code, with everything that it wrote.
  int Wait();
  const std::string& shown() const { return shown_; }
  const std::string& errors() const { return errors_; }
  bool raw() const { return (Settings().c_lflag & (ECHO | ICANON | ISIG)) == 0; }
  bool as_before() const;

 private:
  void Spawn(const std::string& socket, std::vector<std::string> words, std::vector<sys::FdMove> fds);
  static bool ReadSome(FdRef fd, std::string& into);
  termios Settings() const;

  UniqueFd out_, err_, tty_;  // with a terminal: its master in out_, its other end in tty_
  termios before_{};
  sys::Child child_;
  std::string shown_, errors_;
};

}  // namespace cradle::test
