#include "ctl/yaml.h"

#include <gtest/gtest.h>

namespace cradle::ctl {
namespace {

TEST(FormatYaml, NestsAndQuotesWhatYamlWouldMistake) {
  auto json = nlohmann::ordered_json::parse(R"({
      "name": "web", "empty": {}, "none": [], "list": ["a: b", {"k": [1, true, null]}],
      "no": "no", "number": "1", "path": "/a/b", "line": "x\ny"})");
  EXPECT_EQ(FormatYaml(json),
            "name: web\n"
            "empty: {}\n"
            "none: []\n"
            "list:\n"
            "  - \"a: b\"\n"
            "  - k:\n"
            "      - 1\n"
            "      - true\n"
            "      - null\n"
            "\"no\": \"no\"\n"
            "number: \"1\"\n"
            "path: /a/b\n"
            "line: \"x\\ny\"\n");
}

}  // namespace
}  // namespace cradle::ctl
