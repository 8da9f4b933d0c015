#include "cni/result.h"

#include <arpa/inet.h>

#include <algorithm>

#include "cni/json.h"

namespace cradle::cni {
namespace {

bool IsV4(const std::string& ip) {
  in_addr address;
  return inet_pton(AF_INET, ip.c_str(), &address) == 1;
}
bool IsV6(const std::string& ip) {
  in6_addr address;
  return inet_pton(AF_INET6, ip.c_str(), &address) == 1;
}

Result<std::string> ParseAddress(const Json& entry, const char* member) {
  std::string text = TRY(FindString(entry, member));
  std::string ip = text.substr(0, text.find('/'));
  if (!IsV4(ip) && !IsV6(ip))
    return InvalidArgument(Cat("\"", Printable(text), "\" is not an address"));
  return ip;
}

// Whose address it is, as far as the result tells: "" when it doesn't.
std::string InterfaceOf(const Json& entry, const Json& interfaces) {
  const Json* index = Find(entry, "interface");
  if (!index || !index->is_number_unsigned() || index->get<size_t>() >= interfaces.size())
    return "";
  auto name = FindString(interfaces[index->get<size_t>()], "name");
  return name.ok() ? *name : "";
}

}  // namespace

Result<Attachment> ParseResult(std::string_view text, const std::string& ifname) {
  Json result = TRY(ParseObject(text));
  Attachment own, all;
  for (const Json& entry : FindArray(result, "ips")) {  // 0.3.0 and later
    std::string ip = TRY(ParseAddress(entry, "address"));
    std::string interface = InterfaceOf(entry, FindArray(result, "interfaces"));
    if (interface.empty() || interface == ifname) own.ips.push_back(ip);
    all.ips.push_back(std::move(ip));
  }
  for (const char* member : {"ip4", "ip6"})  // 0.1.0, 0.2.0
    if (const Json* entry = Find(result, member); entry && entry->is_object())
      own.ips.push_back(TRY(ParseAddress(*entry, "ip")));
  if (own.ips.empty()) own = std::move(all);
  if (own.ips.empty()) return InvalidArgument("it holds no address");
  std::ranges::stable_partition(own.ips, IsV4);
  return own;
}

Result<> CheckResult(std::string_view text) {
  TRY(ParseObject(text));
  return {};
}

std::string ParsePluginError(std::string_view text, int& code) {
  code = 0;
  auto object = ParseObject(text);
  if (!object.ok()) return "";
  if (const Json* number = Find(*object, "code");
      number && number->is_number_unsigned() && number->get<uint64_t>() < 1 << 20)
    code = number->get<int>();
  auto message = FindString(*object, "msg"), details = FindString(*object, "details");
  std::string out = message.ok() ? Printable(*message) : "";
  if (out.empty() && code == 0) return "";
  std::string more = details.ok() ? Printable(*details) : "";
  return Cat(out.empty() ? "failed" : out, " (", more, more.empty() ? "" : "; ", "code ",
             std::to_string(code), ")");
}

}  // namespace cradle::cni
