// The small parts: base64, SHA-1, status, resize, plan.
#include <gtest/gtest.h>

#include <random>

#include "streaming/base64.h"
#include "streaming/plan.h"
#include "streaming/resize.h"
#include "streaming/sha1.h"
#include "streaming/status.h"

namespace cradle::streaming {
namespace {

TEST(Base64, EncodesTheVectorsOfTheRfc) {
  EXPECT_EQ(EncodeBase64(""), "");
  EXPECT_EQ(EncodeBase64("f"), "Zg==");
  EXPECT_EQ(EncodeBase64("fo"), "Zm8=");
  EXPECT_EQ(EncodeBase64("foo"), "Zm9v");
  EXPECT_EQ(EncodeBase64("foob"), "Zm9vYg==");
  EXPECT_EQ(EncodeBase64("\xff\xfe\xfb"), "//77");
}

TEST(Base64Decoder, TakesBackInPiecesWhatWasEncoded) {
  std::mt19937 random(4);
  for (int round = 0; round < 500; ++round) {
    std::string bytes(random() % 50, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    std::string text = EncodeBase64(bytes), out;
    Base64Decoder decoder;
    for (size_t at = 0; at < text.size(); at += 3) ASSERT_TRUE(decoder.Feed(text.substr(at, 3), out));
    EXPECT_TRUE(decoder.Finish());
    EXPECT_EQ(out, bytes);
  }
}

TEST(Base64Decoder, RefusesAllElse) {
  for (const char* text : {"Zg=", "Z", "Z===", "=Zg=", "Zg==Zg==", "Zm9v*", "Zm 9", "Zg=a", "Zg==="}) {
    Base64Decoder decoder;
    std::string out;
    bool fed = decoder.Feed(text, out);
    EXPECT_FALSE(decoder.Finish() && fed) << text;
  }
}

TEST(Sha1, GivesTheKnownSums) {
  EXPECT_EQ(EncodeBase64(Sha1("")), "2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
  EXPECT_EQ(EncodeBase64(Sha1("abc")), "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
  EXPECT_EQ(EncodeBase64(Sha1(std::string(64, 'a'))), "AJi6gktcFkJ716ESKlpEKiXsZE0=");
}

TEST(FormatStatus, IsJsonFromVersionFourOn) {
  EXPECT_EQ(FormatStatus(Status(), "v4.channel.k8s.io"), R"({"metadata":{},"status":"Success"})");
  std::string exited = FormatStatus(Status::Exited(3), "v5.channel.k8s.io");
  EXPECT_NE(exited.find(R"("reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]})"),
            std::string::npos);
  std::string failed = FormatStatus(Status::Failed("no \"x\"\n\xff\\"), "v4.base64.channel.k8s.io");
  EXPECT_NE(failed.find(R"("message":"Internal error occurred: no \"x\"\u000a?\\","reason":"InternalError")"),
            std::string::npos)
      << failed;
  EXPECT_NE(failed.find(R"("code":500)"), std::string::npos);
}

TEST(FormatStatus, IsPlainTextBefore) {
  EXPECT_EQ(FormatStatus(Status(), "v2.channel.k8s.io"), "");
  EXPECT_EQ(FormatStatus(Status::Failed("no"), ""), "no");
  EXPECT_NE(FormatStatus(Status::Exited(7), "channel.k8s.io").find("exit status 7"), std::string::npos);
}

TEST(ResizeReader, ReadsObjectsHoweverTheyAreCut) {
  ResizeReader reader;
  EXPECT_FALSE(reader.Feed(R"({"Wid)"));
  auto size = reader.Feed("th\":80,\"Height\":24}\n{\"width\": 0,\"height\":1}");
  ASSERT_TRUE(size);
  EXPECT_EQ(size->width, 80);
  EXPECT_EQ(size->height, 24);
  size = reader.Feed(R"({"Height":5,"Width":6}{"Width":7,"Height":8})");
  ASSERT_TRUE(size);
  EXPECT_EQ(size->width, 7);
}

TEST(ResizeReader, SkipsWhatIsNoSize) {
  ResizeReader reader;
  for (const char* text : {"{}", R"({"Width":80})", R"({"Width":70000,"Height":24})", R"({"Width":-1,"Height":24})",
                           R"({"Width":"80","Height":24})", "garbage}"})
    EXPECT_FALSE(reader.Feed(text)) << text;
  EXPECT_FALSE(reader.Feed(std::string(100000, 'x')));
  EXPECT_TRUE(reader.Feed(R"({"Width":80,"Height":24})"));
}

TEST(SessionPlan, IsWhatWasEncoded) {
  SessionPlan plan;
  plan.kind = Kind::kPortForward;
  plan.wire = Wire::kTunnel;
  plan.protocol = "p";
  plan.answer = "HTTP/1.1 101";
  plan.leftover = std::string("\0x", 2);
  plan.streams = {true, false, true, true};
  plan.container = "c";
  plan.exec = "e";
  plan.ports = {80, 65535};
  plan.idle_ms = 5;
  auto read = SessionPlan::Decode(plan.Encode());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->Encode(), plan.Encode());
  EXPECT_EQ(read->ports, plan.ports);
  EXPECT_EQ(read->wire, Wire::kTunnel);
  EXPECT_TRUE(read->streams.in && !read->streams.out && read->streams.err && read->streams.tty);
}

TEST(SessionPlan, RefusesDamage) {
  std::string bytes = SessionPlan().Encode();
  EXPECT_FALSE(SessionPlan::Decode(bytes.substr(0, bytes.size() - 1)).ok());
  bytes[6] = 9;  // the kind's value
  EXPECT_FALSE(SessionPlan::Decode(bytes).ok());
}

}  // namespace
}  // namespace cradle::streaming
