#include "cri/status.h"

namespace cradle::cri {
namespace {

// A byte may become three on the way (percent-encoding).
constexpr size_t kMaxText = 2500;

std::string Shortened(const std::string& text) {
  if (text.size() <= kMaxText) return text;
  return Cat(text.substr(0, kMaxText / 2), " [...] ", text.substr(text.size() - kMaxText / 2));
}

}  // namespace

grpc::Status ToStatus(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code()), Shortened(error.text())};
}

}  // namespace cradle::cri
