#include "cdi/document.h"

#include <dlfcn.h>
#include <yaml.h>

#include <algorithm>
#include <charconv>

namespace cradle::cdi {
namespace {

constexpr int kMaxDepth = 64;

struct Library {
  decltype(&yaml_parser_initialize) initialize;
  decltype(&yaml_parser_delete) destroy;
  decltype(&yaml_parser_set_input_string) set_input;
  decltype(&yaml_parser_parse) parse;
  decltype(&yaml_event_delete) forget;
};

template <class F>
bool Find(void* library, const char* name, F& out) {
  out = reinterpret_cast<F>(::dlsym(library, name));
  return out != nullptr;
}

Result<Library> Load() {
  void* library = ::dlopen("libyaml-0.so.2", RTLD_NOW | RTLD_LOCAL);
  if (!library) return FailedPrecondition(Cat("YAML needs libyaml: ", ::dlerror()));
  Library found{};
  if (!Find(library, "yaml_parser_initialize", found.initialize) || !Find(library, "yaml_parser_delete", found.destroy) ||
      !Find(library, "yaml_parser_set_input_string", found.set_input) ||
      !Find(library, "yaml_parser_parse", found.parse) || !Find(library, "yaml_event_delete", found.forget))
    return FailedPrecondition("YAML needs another libyaml than this one");
  return found;
}

Result<const Library*> GetLibrary() {
  static const Result<Library> kLibrary = Load();
  if (!kLibrary.ok()) return Error(kLibrary.error());
  return &*kLibrary;
}

// A whole number as YAML writes them: 10, -1, 0x1f, 0o660, and 0660, which is octal too.
std::optional<int64_t> WholeNumber(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x")) base = 16;
  else if (text.starts_with("0o")) base = 8;
  if (base != 10) text.remove_prefix(2);
  else if (text.size() > 1 && text[0] == '0') base = 8;
  int64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || text[0] == '-' || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return negative ? -value : value;
}

Json Plain(std::string text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (auto number = WholeNumber(text)) return *number;
  return text;
}

// One pass over a text's events.
class Yaml {
 public:
  Yaml(const Library& library, std::string_view text) : library_(library) {
    good_ = library_.initialize(&parser_) != 0;
    if (good_) library_.set_input(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Yaml() {
    library_.forget(&event_);
    if (good_) library_.destroy(&parser_);
  }
  Yaml(const Yaml&) = delete;
  Yaml& operator=(const Yaml&) = delete;

  Result<Json> Parse() {
    TRYV(Expect(YAML_STREAM_START_EVENT));
    TRYV(Expect(YAML_DOCUMENT_START_EVENT));
    TRYV(Next());
    Json value = TRY(Value(0));
    TRYV(Expect(YAML_DOCUMENT_END_EVENT));
    TRYV(Expect(YAML_STREAM_END_EVENT));
    return value;
  }

 private:
  Result<> Next() {
    library_.forget(&event_);
    event_ = {};
    if (good_ && library_.parse(&parser_, &event_)) return {};
    return InvalidArgument(Cat("line ", std::to_string(parser_.problem_mark.line + 1), ": ",
                               parser_.problem ? parser_.problem : "no YAML"));
  }
  Error Bad(std::string_view why) const {
    return InvalidArgument(Cat("line ", std::to_string(event_.start_mark.line + 1), ": ", why));
  }
  Result<> Expect(yaml_event_type_t type) {
    TRYV(Next());
    if (event_.type != type) return Bad("not one YAML document");
    return {};
  }
  // What begins at the event.
  Result<Json> Value(int depth) {
    if (depth > kMaxDepth) return Bad("nested too deeply");
    switch (event_.type) {
      case YAML_SCALAR_EVENT: return Scalar();
      case YAML_SEQUENCE_START_EVENT: return Sequence(depth);
      case YAML_MAPPING_START_EVENT: return Mapping(depth);
      default: return Bad("anchors and aliases aren't taken");
    }
  }
  Result<Json> Scalar() const {
    const auto& scalar = event_.data.scalar;
    if (scalar.anchor || scalar.tag) return Bad("anchors and tags aren't taken");
    std::string text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    return scalar.style == YAML_PLAIN_SCALAR_STYLE ? Plain(std::move(text)) : Json(std::move(text));
  }
  Result<Json> Sequence(int depth) {
    if (event_.data.sequence_start.anchor || event_.data.sequence_start.tag) return Bad("anchors and tags aren't taken");
    Json list = Json::array();
    for (;;) {
      TRYV(Next());
      if (event_.type == YAML_SEQUENCE_END_EVENT) return list;
      list.push_back(TRY(Value(depth + 1)));
    }
  }
  Result<Json> Mapping(int depth) {
    if (event_.data.mapping_start.anchor || event_.data.mapping_start.tag) return Bad("anchors and tags aren't taken");
    Json object = Json::object();
    for (;;) {
      TRYV(Next());
      if (event_.type == YAML_MAPPING_END_EVENT) return object;
      if (event_.type != YAML_SCALAR_EVENT) return Bad("a key must be a word");
      std::string key(reinterpret_cast<const char*>(event_.data.scalar.value), event_.data.scalar.length);
      if (object.contains(key)) return Bad("a key stands twice");
      TRYV(Next());
      object[key] = TRY(Value(depth + 1));
    }
  }

  const Library& library_;
  bool good_ = false;
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

Result<Json> ParseJson(std::string_view text) {
  bool deep = false, twice = false;
  std::vector<std::vector<std::string>> keys;  // of the objects that are open
  auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
    deep = deep || depth > kMaxDepth;
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      auto& seen = keys.back();
      const auto& key = parsed.get_ref<const std::string&>();
      twice = twice || std::find(seen.begin(), seen.end(), key) != seen.end();
      seen.push_back(key);
    }
    return !deep;
  };
  Json value = Json::parse(text, look, false);
  if (deep) return InvalidArgument("nested too deeply");
  if (value.is_discarded()) return InvalidArgument("not JSON");
  if (twice) return InvalidArgument("a key stands twice");
  return value;
}

}  // namespace

Result<Json> ParseDocument(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return InvalidArgument("empty");
  Json value;
  if (text[first] == '{') {
    value = TRY(ParseJson(text));
  } else {
    const Library* library = TRY(GetLibrary());
    value = TRY(Yaml(*library, text).Parse());
  }
  if (!value.is_object()) return InvalidArgument("not an object");
  return value;
}

}  // namespace cradle::cdi
