#include "streaming/http_head.h"

#include <gtest/gtest.h>

#include <random>

namespace cradle::streaming {
namespace {

constexpr char kGood[] =
    "POST /exec/abc?x=/y HTTP/1.1\r\nHost: 127.0.0.1:1\r\nX-Stream-Protocol-Version:  v5, v4 \r\n"
    "x-stream-protocol-version: v3\r\nEmpty:\r\nContent-Length: 0\r\n\r\nrest";

TEST(HttpHead, ReadsARequest) {
  auto head = ParseHead(kGood);
  ASSERT_TRUE(head.ok() && *head);
  EXPECT_EQ((*head)->method, "POST");
  EXPECT_EQ((*head)->path, "/exec/abc");
  EXPECT_EQ((*head)->Find("host"), "127.0.0.1:1");
  EXPECT_EQ((*head)->FindList("x-stream-protocol-version"), (std::vector<std::string_view>{"v5", "v4", "v3"}));
  EXPECT_TRUE((*head)->FindList("empty").empty());
  EXPECT_EQ(std::string_view(kGood).substr((*head)->size), "rest");
}

TEST(HttpHead, WaitsForTheWholeOfIt) {
  std::string_view good(kGood);
  for (size_t size = 0; size + 4 < good.size(); ++size) {
    auto head = ParseHead(good.substr(0, size));
    ASSERT_TRUE(head.ok()) << size;
    EXPECT_FALSE(head->has_value()) << size;
  }
}

TEST(HttpHead, RefusesAllElse) {
  const std::string fields = "a: b\r\n";
  std::string many;
  for (size_t i = 0; i <= kMaxHeadFields; ++i) many += fields;
  const std::string all[] = {
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/2\r\n\r\n",
      "GET /\r\n\r\n",
      "GET  HTTP/1.1\r\n\r\n",
      "GET x HTTP/1.1\r\n\r\n",
      "GET / x HTTP/1.1\r\n\r\n",
      "G T / HTTP/1.1\r\n\r\n",
      "\r\n\r\n",
      "GET / HTTP/1.1\r\na : b\r\n\r\n",
      "GET / HTTP/1.1\r\n a: b\r\n\r\n",
      "GET / HTTP/1.1\r\na\r\n\r\n",
      "GET / HTTP/1.1\r\n: b\r\n\r\n",
      "GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n",
      std::string("GET / HTTP/1.1\r\na: \0\r\n\r\n", 24),
      "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
      "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\n" + many + "\r\n",
  };
  for (const std::string& one : all) EXPECT_FALSE(ParseHead(one).ok()) << one;
}

TEST(HttpHead, IsBounded) {
  std::string endless = "GET / HTTP/1.1\r\na: " + std::string(kMaxHead, 'x');
  auto head = ParseHead(endless);
  ASSERT_FALSE(head.ok());
  EXPECT_EQ(head.error().code(), Code::kResourceExhausted);
}

TEST(HttpHead, SurvivesDamage) {
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = kGood;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    auto head = ParseHead(bytes);
    if (head.ok() && *head) {
      ASSERT_LE((*head)->size, bytes.size());
    }
  }
}

}  // namespace
}  // namespace cradle::streaming
