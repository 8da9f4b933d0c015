#include "logs/framing.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace cradle::logs {
namespace {

constexpr std::string_view kTime = "2026-01-02T03:04:05.000000006Z";

class Framed {
 public:
  explicit Framed(Stream stream, size_t memory = 256 * 1024)
      : framer_(stream), memory_(memory), out_(memory_.data(), memory_.size()) {}

  void Feed(std::string_view data) {
    while (!data.empty()) {
      size_t took = framer_.Feed(data, kTime, out_);
      data.remove_prefix(took);
      Flush();
    }
  }
  std::string Finish() {
    framer_.Finish(kTime, out_);
    Flush();
    return text_;
  }
  const std::string& text() const { return text_; }

 private:
  void Flush() {
    text_ += out_.bytes();
    out_.Clear();
  }
  Framer framer_;
  std::vector<char> memory_;
  RecordBuffer out_;
  std::string text_;
};

std::string Record(std::string_view stream, char tag, std::string_view content) {
  return std::string(kTime) + " " + std::string(stream) + " " + tag + " " + std::string(content) + "\n";
}

struct Case {
  const char* name;
  std::string input;
  std::string records;
};

std::string Xs(size_t n) { return std::string(n, 'x'); }

class FramingTable : public ::testing::TestWithParam<Case> {};

TEST_P(FramingTable, GivesTheRecords) {
  Framed framed(Stream::kStdout);
  framed.Feed(GetParam().input);
  EXPECT_EQ(framed.Finish(), GetParam().records);
}

TEST_P(FramingTable, GivesTheSameByteByByte) {
  Framed framed(Stream::kStdout);
  for (char byte : GetParam().input) framed.Feed({&byte, 1});
  EXPECT_EQ(framed.Finish(), GetParam().records);
}

INSTANTIATE_TEST_SUITE_P(
    Lines, FramingTable,
    ::testing::Values(
        Case{"Nothing", "", ""}, Case{"OneLine", "hello\n", Record("stdout", 'F', "hello")},
        Case{"AnEmptyLineKeepsItsSpace", "\n", Record("stdout", 'F', "")},
        Case{"TwoLines", "a\nb\n", Record("stdout", 'F', "a") + Record("stdout", 'F', "b")},
        Case{"AnUnfinishedLineIsFull", "a\nb", Record("stdout", 'F', "a") + Record("stdout", 'F', "b")},
        Case{"CarriageReturnsStay", "a\r\n", Record("stdout", 'F', "a\r")},
        Case{"ZeroBytesStay", std::string("a\0b\n", 4), Record("stdout", 'F', std::string("a\0b", 3))},
        Case{"ExactlyOneRecord", Xs(kMaxContent) + "\n", Record("stdout", 'F', Xs(kMaxContent))},
        Case{"ExactlyOneRecordUnfinished", Xs(kMaxContent), Record("stdout", 'F', Xs(kMaxContent))},
        Case{"OneByteMore", Xs(kMaxContent) + "y\n",
             Record("stdout", 'P', Xs(kMaxContent)) + Record("stdout", 'F', "y")},
        Case{"OneByteMoreUnfinished", Xs(kMaxContent) + "y",
             Record("stdout", 'P', Xs(kMaxContent)) + Record("stdout", 'F', "y")},
        Case{"ExactlyTwoRecords", Xs(2 * kMaxContent) + "\nz\n",
             Record("stdout", 'P', Xs(kMaxContent)) + Record("stdout", 'F', Xs(kMaxContent)) +
                 Record("stdout", 'F', "z")}),
    [](const auto& one) { return one.param.name; });

TEST(Framing, NamesTheStream) {
  Framed framed(Stream::kStderr);
  framed.Feed("a\n");
  EXPECT_EQ(framed.text(), Record("stderr", 'F', "a"));
}

TEST(Framing, KeepsAnUnfinishedLineUntilItsEnd) {
  Framed framed(Stream::kStdout);
  framed.Feed("a");
  EXPECT_EQ(framed.text(), "");
  framed.Feed("b\n");
  EXPECT_EQ(framed.text(), Record("stdout", 'F', "ab"));
}

// What a fuzzer would do, with a fixed seed: how the bytes are cut, and how much room there is, leaves no trace.
TEST(Framing, CuttingTheBytesLeavesNoTrace) {
  std::mt19937 random(1);
  auto up_to = [&](size_t n) { return random() % (n + 1); };
  for (int round = 0; round < 200; ++round) {
    std::string input;
    while (input.size() < 100'000) {
      size_t length = up_to(3) == 0 ? up_to(3 * kMaxContent) : up_to(200);
      if (up_to(20) == 0) length = kMaxContent * (1 + up_to(2));
      input += std::string(length, static_cast<char>('a' + up_to(25)));
      if (up_to(10) != 0) input += '\n';
    }
    Framed whole(Stream::kStdout);
    whole.Feed(input);
    Framed cut(Stream::kStdout, kMaxRecord + up_to(kMaxRecord));
    for (std::string_view rest = input; !rest.empty();) {
      size_t size = std::min<size_t>(rest.size(), 1 + up_to(up_to(1) ? 70'000 : 300));
      cut.Feed(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(whole.Finish(), cut.Finish()) << "round " << round;
  }
}

TEST(Stamp, NeverGoesBack) {
  Stamp stamp;
  stamp.Set(5'000'000'006);
  EXPECT_EQ(stamp.text(), "1970-01-01T00:00:05.000000006Z");
  stamp.Set(4'000'000'000);
  EXPECT_EQ(stamp.text(), "1970-01-01T00:00:05.000000006Z");
  stamp.Set(5'000'000'007);
  EXPECT_EQ(stamp.text(), "1970-01-01T00:00:05.000000007Z");
}

}  // namespace
}  // namespace cradle::logs
