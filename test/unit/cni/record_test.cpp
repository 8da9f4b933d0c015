#include "cni/record.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace cradle::cni {
namespace {

TEST(Record, IsReadAsItWasWritten) {
  TempDir dir;
  Record record{"pod-1",      "/run/netns/x", "eth0", "IgnoreUnknown=1", {{"portMappings", "[1]"}},
                "a.conflist", "{\"a\":1}",    "{}"};
  ASSERT_OK(SaveRecord(dir.path(), record));
  auto read = LoadRecord(dir.path(), "pod-1");
  ASSERT_OK(read);
  EXPECT_EQ(read->netns, record.netns);
  EXPECT_EQ(read->ifname, record.ifname);
  EXPECT_EQ(read->args, record.args);
  EXPECT_EQ(read->runtime, record.runtime);
  EXPECT_EQ(read->list_file, record.list_file);
  EXPECT_EQ(read->list_text, record.list_text);
  EXPECT_EQ(read->result, record.result);
  EXPECT_EQ(ListRecords(dir.path()), std::vector<std::string>{"pod-1"});
  ASSERT_OK(RemoveRecord(dir.path(), "pod-1"));
  ASSERT_OK(RemoveRecord(dir.path(), "pod-1"));
  EXPECT_EQ(LoadRecord(dir.path(), "pod-1").error().code(), Code::kNotFound);
}

TEST(Record, ADamagedOneIsListedAndSaysSo) {
  TempDir dir;
  for (const char* text : {"", "{", "{\"pod\": \"other\"}", "{\"pod\": 7}"}) {
    Put(dir.path() + "/p.json", text);
    EXPECT_EQ(LoadRecord(dir.path(), "p").error().code(), Code::kInternal) << text;
  }
  Put(dir.path() + "/p.json.tmp", "half");
  EXPECT_EQ(ListRecords(dir.path()), std::vector<std::string>{"p"});
}

TEST(Record, IdsAreNoPaths) {
  for (const char* bad : {"", ".", "..", "../x", "a/b", "-a", ".a", "a b"})
    EXPECT_EQ(LoadRecord("/tmp", bad).error().code(), Code::kInvalidArgument) << bad;
}

}  // namespace
}  // namespace cradle::cni
