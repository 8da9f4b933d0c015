// What plugins print: results of every version from 0.1.0 to 1.1.0, and errors. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "cni/network.h"

namespace cradle::cni {

// The pod's addresses: those of `ifname`, or all where the result doesn't say whose they are. An
// error when the text is no result or holds none.
Result<Attachment> ParseResult(std::string_view text, const std::string& ifname);

// Any JSON object is a result that the next plugin may get.
Result<> CheckResult(std::string_view text);

// {"code": 7, "msg": "...", "details": "..."} as a sentence: "... (details; code 7)". Empty when it
// isn't one. `code` is 0 then.
std::string ParsePluginError(std::string_view text, int& code);

}  // namespace cradle::cni
