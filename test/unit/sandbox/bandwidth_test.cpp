#include "sandbox/bandwidth.h"

#include <gtest/gtest.h>

namespace cradle::sandbox {
namespace {

TEST(Quantity, HasTheSuffixesOfKubernetes) {
  for (auto [text, value] : {std::pair("0", 0ull), {"1500", 1500ull}, {"10M", 10'000'000ull}, {"1.5k", 1500ull},
                             {"512Ki", 524'288ull}, {"2Gi", 2ull << 30}, {"1e6", 1'000'000ull}, {"12E2", 1200ull},
                             {"5e+2", 500ull}, {"1500m", 2ull}, {"7E", 7'000'000'000'000'000'000ull}, {".5k", 500ull}}) {
    auto got = ParseQuantity(text);
    ASSERT_TRUE(got.ok()) << text;
    EXPECT_EQ(*got, value) << text;
  }
}

TEST(Quantity, RefusesWhatIsNone) {
  for (const char* text : {"", "-5", "M", "1.2.3", "10MB", "1 k", "0x10", "1e", "1e99999", "nan", "inf", "10m0", "ki",
                           "123456789012345678901234567890123"})
    EXPECT_EQ(ParseQuantity(text).error().code(), Code::kInvalidArgument) << text;
  EXPECT_NE(ParseQuantity("10E").error().text().find("too large"), std::string::npos);
}

TEST(Bandwidth, BecomesTheCapability) {
  EXPECT_EQ(BandwidthCapability({{"other", "1"}}).value(), "");
  EXPECT_EQ(BandwidthCapability({{"kubernetes.io/ingress-bandwidth", "1M"}}).value(),
            R"({"ingressRate":1000000,"ingressBurst":2147483647})");
  EXPECT_EQ(BandwidthCapability({{"kubernetes.io/ingress-bandwidth", "1M"}, {"kubernetes.io/egress-bandwidth", "2k"}})
                .value(),
            R"({"ingressRate":1000000,"ingressBurst":2147483647,"egressRate":2000,"egressBurst":2147483647})");
}

TEST(Bandwidth, NamesTheAnnotationThatIsWrong) {
  for (const char* value : {"fast", "999", "1001T", ""}) {
    auto got = BandwidthCapability({{"kubernetes.io/egress-bandwidth", value}});
    ASSERT_FALSE(got.ok()) << value;
    EXPECT_EQ(got.error().code(), Code::kInvalidArgument);
    EXPECT_EQ(got.error().text().find("annotation kubernetes.io/egress-bandwidth: "), 0u) << got.error().text();
  }
}

}  // namespace
}  // namespace cradle::sandbox
