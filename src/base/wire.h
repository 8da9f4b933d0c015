// The encoding between cradled, shims and their plans: fields of tag (u16), length (u32) and bytes, little-endian.
// A reader skips tags that it doesn't know, so an older peer reads what a newer one writes. No allocation by claimed
// sizes: a length is checked against what is left.
//
//   Writer w;                          Reader r(bytes);
//   w.Str(1, name);                    while (r.Next())
//   w.U64(2, limit);                     switch (r.tag()) { case 1: name = r.Str(); break; ... }
//   w.Sub(3, inner.Take());            if (!r.ok()) ...  // malformed
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cradle::wire {

class Writer {
 public:
  void U64(uint16_t tag, uint64_t value);
  void I64(uint16_t tag, int64_t value) { U64(tag, static_cast<uint64_t>(value)); }
  void Bool(uint16_t tag, bool value) { if (value) U64(tag, 1); }
  void Str(uint16_t tag, std::string_view value);
  void Sub(uint16_t tag, std::string_view encoded) { Str(tag, encoded); }
  void Strs(uint16_t tag, const std::vector<std::string>& values) {
    for (const std::string& value : values) Str(tag, value);
  }
  const std::string& bytes() const { return out_; }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  // Moves to the next field. False at the end or at a malformed field (then ok() is false).
  bool Next();
  bool ok() const { return ok_; }
  uint16_t tag() const { return tag_; }
  // The current field. A number field of another length than 8 makes the reader not ok.
  uint64_t U64();
  int64_t I64() { return static_cast<int64_t>(U64()); }
  bool Bool() { return U64() != 0; }
  std::string Str() const { return std::string(value_); }
  std::string_view View() const { return value_; }

 private:
  std::string_view rest_;
  std::string_view value_;
  uint16_t tag_ = 0;
  bool ok_ = true;
};

}  // namespace cradle::wire
