// Records as JSON text: one list of fields per struct serves both ways.
//
//   namespace cradle::json {
//   static void Fields(auto& io, Is<Point> auto& p) { io("x", p.x); io("y", p.y); }
//   }
//   std::string text = json::Format(point);
//   Result<Point> back = json::Parse<Point>(text, "point");
//
// The text is canonical: fields in their order, no blanks, so equal values give equal texts. Empty lists, empty maps and unset
// optionals are left out. A string that isn't UTF-8 is written as {"hex":"..."}, so any bytes come back as they were.
// Reading takes nothing on trust: unknown fields are skipped, missing ones keep their default, a wrong type or a
// number out of range is an error that names the field. No exception leaves this file. Include it from few sources:
// nlohmann/json.hpp costs ten seconds each.
#pragma once

#include <array>
#include <concepts>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace cradle::json {

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;
template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>;
// An enum has names, by value: `static constexpr std::array<std::string_view, N> Names(EnumTag, Color)`.
struct EnumTag {};
template <class T>
concept Enum = std::is_enum_v<T>;

// RFC 3629.
bool IsUtf8(std::string_view text);
std::string Hex(std::string_view bytes);
std::optional<std::string> FromHex(std::string_view hex);
// The text as a document, or an error instead of nlohmann's exceptions.
Result<nlohmann::json> ParseDocument(std::string_view text);

// Writes text at once: a document made first would take ten times as long, and each container's start waits for it.
class Writer {
 public:
  template <class T>
  void operator()(const char* name, const T& value) {
    if (!Has(value)) return;
    Next();
    Value(std::string_view(name));
    out_ += ':';
    Value(value);
  }
  template <class T>
  void Value(const T& value) {
    Open('{');
    Fields(*this, value);
    Close('}');
  }
  std::string Take() { return std::move(out_); }

 private:
  template <class T>
  static bool Has(const T&) { return true; }
  template <class T>
  static bool Has(const std::vector<T>& list) { return !list.empty(); }
  template <class K, class V>
  static bool Has(const std::map<K, V>& map) { return !map.empty(); }
  template <class T>
  static bool Has(const std::optional<T>& value) { return value.has_value(); }

  void Open(char bracket) {
    out_ += bracket;
    first_ = true;
  }
  void Next() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void Close(char bracket) {
    out_ += bracket;
    first_ = false;
  }

  void Value(bool value) { out_ += value ? "true" : "false"; }
  void Value(char value) { Value(std::string_view(&value, 1)); }
  template <Number T>
  void Value(const T& value) { out_ += std::to_string(value); }
  template <Enum T>
  void Value(const T& value) { Value(Names(EnumTag{}, value)[static_cast<size_t>(value)]); }
  void Value(std::string_view value);
  void Value(const std::string& value) { Value(std::string_view(value)); }
  template <class Tag>
  void Value(const Id<Tag>& id) { Value(id.str()); }
  template <class T>
  void Value(const std::optional<T>& value) { Value(*value); }
  void List(const auto& list) {
    Open('[');
    for (const auto& value : list) {
      Next();
      Value(value);
    }
    Close(']');
  }
  template <class T>
  void Value(const std::vector<T>& list) { List(list); }
  // As a list of pairs: keys are any bytes too.
  void Value(const std::map<std::string, std::string>& map) { List(map); }
  template <class A, class B>
  void Value(const std::pair<A, B>& pair) {
    Open('[');
    Next();
    Value(pair.first);
    Next();
    Value(pair.second);
    Close(']');
  }

  std::string out_;
  bool first_ = true;  // nothing in the open bracket yet
};

class Reader {
 public:
  // `document` outlives the reader. `what`: the beginning of the error's text.
  Reader(const nlohmann::json& document, std::string what) : at_(&document), where_(std::move(what)) {
    if (!document.is_object()) Fail("not an object");
  }
  template <class T>
  void operator()(const char* name, T& value) {
    if (error_) return;
    const auto found = at_->find(name);
    if (found != at_->end()) Descend(*found, Cat(".", name), value);
  }
  const std::optional<std::string>& error() const { return error_; }

 private:
  void Fail(std::string_view why) {
    if (!error_) error_ = Cat(where_, ": ", why);
  }
  template <class T>
  void Descend(const nlohmann::json& node, std::string_view name, T& value) {
    const nlohmann::json* const above = std::exchange(at_, &node);
    const size_t length = where_.size();
    where_ += name;
    Value(value);
    where_.resize(length);
    at_ = above;
  }

  void Value(bool& value) {
    if (!at_->is_boolean()) return Fail("not a boolean");
    value = at_->get<bool>();
  }
  void Value(char& value) {
    if (!at_->is_string() || at_->get_ref<const std::string&>().size() != 1) return Fail("not one character");
    value = at_->get_ref<const std::string&>()[0];
  }
  template <Number T>
  void Value(T& value) {
    bool fits = false;
    if (at_->is_number_unsigned()) fits = std::in_range<T>(at_->get<uint64_t>());
    else if (at_->is_number_integer()) fits = std::in_range<T>(at_->get<int64_t>());
    if (!fits) return Fail("not a whole number in range");
    value = at_->get<T>();
  }
  template <Enum T>
  void Value(T& value) {
    if (!at_->is_string()) return Fail("not a name");
    const auto& name = at_->get_ref<const std::string&>();
    const auto names = Names(EnumTag{}, value);
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] != name) continue;
      value = static_cast<T>(i);
      return;
    }
    Fail("unknown name");
  }
  void Value(std::string& value) {
    if (at_->is_string()) {
      value = at_->get_ref<const std::string&>();
      return;
    }
    if (at_->is_object()) {
      const auto hex = at_->find("hex");
      if (hex != at_->end() && hex->is_string()) {
        if (auto bytes = FromHex(hex->get_ref<const std::string&>())) {
          value = std::move(*bytes);
          return;
        }
      }
    }
    Fail("not a string");
  }
  template <class Tag>
  void Value(Id<Tag>& id) {
    std::string text;
    Value(text);
    if (text.size() != 64 || !IsHexPrefix(text)) return Fail("not an id");
    id = Id<Tag>(std::move(text));
  }
  template <class T>
  void Value(std::optional<T>& value) { Value(value.emplace()); }
  template <class T>
  void Value(std::vector<T>& list) {
    if (!at_->is_array()) return Fail("not a list");
    list.clear();
    size_t index = 0;
    for (const nlohmann::json& node : *at_) {
      if (error_) return;
      Descend(node, Cat("[", std::to_string(index++), "]"), list.emplace_back());
    }
  }
  template <class A, class B>
  void Value(std::pair<A, B>& pair) {
    if (!at_->is_array() || at_->size() != 2) return Fail("not a pair");
    const nlohmann::json& node = *at_;
    Descend(node[0], "[0]", pair.first);
    Descend(node[1], "[1]", pair.second);
  }
  void Value(std::map<std::string, std::string>& map) {
    std::vector<std::pair<std::string, std::string>> pairs;
    Value(pairs);
    map = {pairs.begin(), pairs.end()};
  }
  template <class T>
  void Value(T& value) {
    if (!at_->is_object()) return Fail("not an object");
    Fields(*this, value);
  }

  const nlohmann::json* at_;
  std::string where_;
  std::optional<std::string> error_;
};

template <class T>
std::string Format(const T& value) {
  Writer writer;
  writer.Value(value);
  return writer.Take();
}

template <class T>
Result<T> Parse(std::string_view text, std::string what) {
  const nlohmann::json document = TRY(ParseDocument(text).With(what));
  T value;
  Reader reader(document, std::move(what));
  Fields(reader, value);
  if (reader.error()) return Internal(*reader.error());
  return value;
}

}  // namespace cradle::json
