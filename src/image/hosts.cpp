#include "image/hosts.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>

#include "base/sys/file.h"
#include "base/toml.h"

namespace cradle::image {
namespace {

constexpr size_t kMaxHostsBytes = 1 << 20;

Error Wrong(std::string_view key, std::string_view what) { return InvalidArgument(Cat("\"", key, "\" ", what)); }

bool IsLoopback(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host == "[::1]" || host == "::1";
}

std::pair<std::string, std::string> SplitPort(const std::string& host) {
  size_t colon = host.rfind(':');
  if (colon == std::string::npos || host.back() == ']') return {host, ""};
  return {host.substr(0, colon), host.substr(colon + 1)};
}

// The registry itself; capabilities are a named server's. One on this machine speaks HTTP, unless its port says otherwise;
// then HTTPS, whoever signed it.
std::vector<RegistryHost> WithServer(const RegistryHost& settings, const std::string& registry) {
  RegistryHost host = settings;
  host.path = "/v2";
  host.host = registry == "docker.io" ? "registry-1.docker.io" : registry;
  host.scheme = "https";
  host.pull = host.resolve = true;
  auto [name, port] = SplitPort(registry);
  if (!IsLoopback(name)) return {host};
  RegistryHost plain = host;
  plain.scheme = "http";
  if (port == "80") return {plain};
  host.skip_verify = true;
  if (port == "443" || port.empty()) return {host};
  host.fallback = true;
  return {plain, host};
}

// Where settings of TLS stand beside an http:// URL, HTTPS comes first.
void Append(RegistryHost host, const toml::table& table, std::vector<RegistryHost>& out) {
  bool tls = table.contains("ca") || table.contains("client") || table.contains("skip_verify");
  if (tls && host.scheme == "http" && SplitPort(host.host).second != "80") {
    out.push_back(host);
    out.back().scheme = "https";
    host.fallback = true;
  }
  out.push_back(std::move(host));
}

std::string Absolute(std::string_view path, const std::string& dir) {
  return path.starts_with('/') ? std::string(path) : Cat(dir, "/", path);
}

Result<std::vector<std::string>> Strings(const toml::node& node, std::string_view key) {
  std::vector<std::string> out;
  if (auto text = node.value_exact<std::string>()) return std::vector{*text};
  if (!node.is_array()) return Wrong(key, "is neither a string nor a list");
  for (const toml::node& item : *node.as_array()) {
    auto text = item.value_exact<std::string>();
    if (!text) return Wrong(key, "holds something that is no string");
    out.push_back(*text);
  }
  return out;
}

Result<> ReadCapabilities(const toml::node& node, RegistryHost& host) {
  auto names = TRY(Strings(node, "capabilities"));
  if (names.empty()) return {};
  host.pull = host.resolve = false;
  for (std::string& name : names) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name == "pull") host.pull = true;
    else if (name == "resolve") host.resolve = true;
    else if (name != "push") return Wrong("capabilities", Cat("names \"", name, "\", which is none"));
  }
  return {};
}

// A string, a list of strings (each a file with both), or a list of pairs.
Result<> ReadClient(const toml::node& node, const std::string& dir, RegistryHost& host) {
  if (auto text = node.value_exact<std::string>()) {
    host.client.emplace_back(Absolute(*text, dir), "");
    return {};
  }
  if (!node.is_array()) return Wrong("client", "is neither a string nor a list");
  for (const toml::node& item : *node.as_array()) {
    auto files = TRY(Strings(item, "client"));
    bool pair = item.is_array();
    if (files.size() != (pair ? 2u : 1u)) return Wrong("client", "has an entry that is no pair");
    host.client.emplace_back(Absolute(files[0], dir), pair ? Absolute(files[1], dir) : "");
  }
  return {};
}

Result<> ReadHeaders(const toml::node& node, RegistryHost& host) {
  if (!node.is_table()) return Wrong("header", "is no table");
  for (const auto& [name, value] : *node.as_table())
    for (const std::string& text : TRY(Strings(value, name.str()))) {
      if (text.find_first_of("\r\n") != std::string::npos || name.str().find_first_of("\r\n:") != std::string::npos)
        return Wrong("header", "holds a line break");
      host.headers.emplace_back(name.str(), text);
    }
  return {};
}

// Go's durations: "500ms", "1.5s", "1m30s".
Result<milliseconds> ReadDuration(const toml::node& node) {
  Error bad = Wrong("dial_timeout", "is no duration like \"10s\"");
  std::string text = node.value_exact<std::string>().value_or("");
  if (text.empty()) return bad;
  double total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    double count = 0;
    auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), count, std::chars_format::fixed);
    if (failed != std::errc() || count < 0) return bad;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    size_t size = std::min(rest.find_first_of("0123456789."), rest.size());
    std::string_view unit = rest.substr(0, size);
    rest.remove_prefix(size);
    if (unit == "ms") total += count;
    else if (unit == "s") total += count * 1000;
    else if (unit == "m") total += count * 60'000;
    else if (unit == "h") total += count * 3'600'000;
    else if (unit != "us" && unit != "ns") return bad;
  }
  if (total > 24.0 * 3'600'000) return bad;
  return milliseconds(static_cast<int64_t>(total));
}

Result<> ReadUrl(std::string text, bool override_path, RegistryHost& host) {
  if (text.find("://") == std::string::npos) text = "https://" + text;
  size_t scheme_end = text.find("://");
  host.scheme = text.substr(0, scheme_end);
  if (host.scheme != "http" && host.scheme != "https") return InvalidArgument(Cat("\"", text, "\" is no HTTP URL"));
  std::string rest = text.substr(scheme_end + 3);
  size_t slash = std::min(rest.find('/'), rest.size());
  host.host = rest.substr(0, slash);
  host.path = rest.substr(slash);
  while (host.path.ends_with('/')) host.path.pop_back();
  if (host.host.empty() || text.find_first_of("?#@ ") != std::string::npos)
    return InvalidArgument(Cat("\"", text, "\" is no URL of a server"));
  if (!override_path && !host.path.ends_with("/v2")) host.path += "/v2";
  return {};
}

// The settings of one table, without its URL.
Result<RegistryHost> ReadTable(const toml::table& table, const std::string& dir) {
  RegistryHost host;
  for (const auto& [key, node] : table) {
    if (key == "capabilities") TRYV(ReadCapabilities(node, host));
    else if (key == "client") TRYV(ReadClient(node, dir, host));
    else if (key == "header") TRYV(ReadHeaders(node, host));
    else if (key == "dial_timeout") host.dial_timeout = TRY(ReadDuration(node));
    else if (key == "ca")
      for (const std::string& file : TRY(Strings(node, "ca"))) host.ca.push_back(Absolute(file, dir));
    else if (key == "skip_verify") {
      auto value = node.value_exact<bool>();
      if (!value) return Wrong("skip_verify", "is neither true nor false");
      host.skip_verify = *value;
    }
    // What else there is belongs to newer versions or to the whole file.
  }
  return host;
}

// The hosts in the order of the file; toml++ sorts them by name.
std::vector<std::pair<std::string, const toml::table*>> InFileOrder(const toml::table& hosts) {
  std::vector<std::pair<std::string, const toml::table*>> out;
  for (const auto& [name, node] : hosts)
    if (node.is_table()) out.emplace_back(name.str(), node.as_table());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    const auto &left = a.second->source().begin, &right = b.second->source().begin;
    return std::pair(left.line, left.column) < std::pair(right.line, right.column);
  });
  return out;
}

// "*.crt" are authorities; "*.cert" with the "*.key" of the same name are ours.
Result<RegistryHost> ReadCertificates(const std::string& dir) {
  RegistryHost host;
  UniqueFd folder = TRY(sys::OpenAt(kCwd, dir, O_RDONLY | O_DIRECTORY));
  std::vector<std::string> names = TRY(sys::ListDir(folder));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    if (name.ends_with(".crt")) host.ca.push_back(Cat(dir, "/", name));
    if (!name.ends_with(".cert")) continue;
    std::string key = name.substr(0, name.size() - 5) + ".key";
    host.client.emplace_back(Cat(dir, "/", name), sys::Exists(folder, key) ? Cat(dir, "/", key) : "");
  }
  return host;
}

}  // namespace

Result<std::vector<RegistryHost>> ParseHosts(std::string_view text, const std::string& dir,
                                             const std::string& registry) {
  toml::table file;
  try {
    file = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return InvalidArgument(Cat("line ", std::to_string(error.source().begin.line), ": ", error.description()));
  }
  std::vector<RegistryHost> out;
  if (const toml::node* hosts = file.get("host")) {
    if (!hosts->is_table()) return Wrong("host", "is no table");
    for (const auto& [url, table] : InFileOrder(*hosts->as_table())) {
      RegistryHost host = TRY(ReadTable(*table, dir).With(url));
      TRYV(ReadUrl(url, (*table)["override_path"].value_or(false), host));
      Append(std::move(host), *table, out);
    }
  }
  RegistryHost root = TRY(ReadTable(file, dir));
  std::string server = file["server"].value_or(std::string());
  if (server.empty()) {
    for (RegistryHost& host : WithServer(root, registry)) out.push_back(std::move(host));
  } else {
    TRYV(ReadUrl(server, file["override_path"].value_or(false), root));
    Append(std::move(root), file, out);
  }
  return out;
}

Result<std::vector<RegistryHost>> HostsFor(const std::string& config_path, const std::string& registry) {
  auto [name, port] = SplitPort(registry);
  std::vector<std::string> folders = {registry, "_default"};
  if (!port.empty()) folders.insert(folders.begin(), Cat(name, "_", port, "_"));
  for (const std::string& folder : folders) {
    std::string dir = Cat(config_path, "/", folder);
    if (!sys::Exists(kCwd, dir)) continue;
    auto text = sys::ReadFile(kCwd, dir + "/hosts.toml", kMaxHostsBytes);
    if (text.ok() && !text->empty()) return ParseHosts(*text, dir, registry).With(dir + "/hosts.toml");
    if (!text.ok() && text.error().err() != ENOENT) return std::move(text.error());
    return WithServer(TRY(ReadCertificates(dir)), registry);
  }
  return WithServer(RegistryHost(), registry);
}

}  // namespace cradle::image
