#include "streaming/tokens.h"

#include <gtest/gtest.h>

namespace cradle::streaming {
namespace {

Grant Of(Kind kind) {
  Grant grant;
  grant.kind = kind;
  return grant;
}

TEST(Tokens, AreGoodOnce) {
  Tokens tokens;
  auto token = tokens.Issue(Of(Kind::kExec));
  ASSERT_TRUE(token.ok());
  EXPECT_EQ(token->size(), 32u);
  EXPECT_TRUE(tokens.Redeem(Kind::kExec, *token));
  EXPECT_FALSE(tokens.Redeem(Kind::kExec, *token));
}

TEST(Tokens, AreGoodForOneKindOnly) {
  Tokens tokens;
  auto token = tokens.Issue(Of(Kind::kExec));
  EXPECT_FALSE(tokens.Redeem(Kind::kAttach, *token));
  EXPECT_FALSE(tokens.Redeem(Kind::kExec, *token));
}

TEST(Tokens, AreGoodForAMinute) {
  Tokens tokens;
  Deadline now = std::chrono::steady_clock::now();
  auto early = tokens.Issue(Of(Kind::kExec), now), late = tokens.Issue(Of(Kind::kExec), now);
  EXPECT_TRUE(tokens.Redeem(Kind::kExec, *early, now + Tokens::kLifetime - milliseconds(1)));
  EXPECT_FALSE(tokens.Redeem(Kind::kExec, *late, now + Tokens::kLifetime));
}

TEST(Tokens, OthersAreUnknown) {
  Tokens tokens;
  auto token = tokens.Issue(Of(Kind::kExec));
  EXPECT_FALSE(tokens.Redeem(Kind::kExec, ""));
  EXPECT_FALSE(tokens.Redeem(Kind::kExec, token->substr(1)));
  EXPECT_FALSE(tokens.Redeem(Kind::kExec, *token + "0"));
  EXPECT_TRUE(tokens.Redeem(Kind::kExec, *token));
}

TEST(Tokens, AreBoundedUntilTheyAreUsedOrTooOld) {
  Tokens tokens;
  Deadline now = std::chrono::steady_clock::now();
  std::string last;
  for (size_t i = 0; i < Tokens::kMaxPending; ++i) last = *tokens.Issue(Of(Kind::kExec), now);
  auto refused = tokens.Issue(Of(Kind::kExec), now);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(tokens.Redeem(Kind::kExec, last, now));
  EXPECT_TRUE(tokens.Issue(Of(Kind::kExec), now).ok());
  EXPECT_FALSE(tokens.Issue(Of(Kind::kExec), now).ok());
  EXPECT_TRUE(tokens.Issue(Of(Kind::kExec), now + Tokens::kLifetime).ok());
}

}  // namespace
}  // namespace cradle::streaming
