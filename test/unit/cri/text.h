// Messages from protobuf's text format, for tables.
#pragma once

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

namespace cradle::cri {

template <class Message>
Message FromText(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(text, &message)) << text;
  return message;
}

// One bad field and what the error must say of it.
struct BadField {
  std::string text;   // added to a good configuration
  std::string error;  // "" : this one is good
};

}  // namespace cradle::cri
