#include "lxcfs/fuse.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <set>

namespace cradle::lxcfs {
namespace {

struct Answer {
  bool due = false;
  fuse_out_header head{};
  std::string body;
};

class FuseTest : public ::testing::Test {
 protected:
  Answer Handle(std::string_view request) {
    Answer answer;
    std::string bytes(FuseServer::kAnswerSize, '\xff');
    size_t size = server_.Handle(request, Snapshots::Time(std::chrono::hours(1)), bytes.data());
    answer.due = size > 0;
    if (!answer.due) return answer;
    EXPECT_GE(size, sizeof answer.head);
    memcpy(&answer.head, bytes.data(), sizeof answer.head);
    EXPECT_EQ(answer.head.len, size);
    answer.body = bytes.substr(sizeof answer.head, size - sizeof answer.head);
    return answer;
  }
  Answer Ask(uint32_t opcode, uint64_t node, std::string_view body = {}) {
    fuse_in_header head{};
    head.opcode = opcode;
    head.nodeid = node;
    head.unique = ++unique_;
    head.len = static_cast<uint32_t>(sizeof head + body.size());
    request_.assign(reinterpret_cast<const char*>(&head), sizeof head);
    request_.append(body);
    return Handle(request_);
  }
  template <class T>
  static std::string_view Bytes(const T& in) {
    return {reinterpret_cast<const char*>(&in), sizeof in};
  }
  template <class T>
  static T As(const Answer& answer) {
    T out{};
    EXPECT_EQ(answer.head.error, 0);
    EXPECT_EQ(answer.body.size(), sizeof out);
    memcpy(&out, answer.body.data(), std::min(sizeof out, answer.body.size()));
    return out;
  }
  fuse_init_out Init(uint32_t major, uint32_t minor) {
    fuse_init_in in{};
    in.major = major;
    in.minor = minor;
    return As<fuse_init_out>(Ask(FUSE_INIT, 0, Bytes(in)));
  }
  fuse_entry_out Lookup(const std::string& name) {
    return As<fuse_entry_out>(Ask(FUSE_LOOKUP, FUSE_ROOT_ID, name + '\0'));
  }
  std::string Read(uint64_t node, uint64_t handle, uint64_t offset, uint32_t size) {
    fuse_read_in in{};
    in.fh = handle;
    in.offset = offset;
    in.size = size;
    auto answer = Ask(FUSE_READ, node, Bytes(in));
    EXPECT_EQ(answer.head.error, 0);
    return answer.body;
  }

  FuseServer server_{[](File file) { return "file " + std::to_string(static_cast<int>(file)) + "\n"; }};
  std::string request_;
  uint64_t unique_ = 0;
};

TEST_F(FuseTest, SpeaksTheLowerOfBothMinors) {
  EXPECT_EQ(Init(7, 45).minor, 31u);
  EXPECT_EQ(Init(7, 27).minor, 27u);
  EXPECT_EQ(Init(7, 45).major, 7u);
  fuse_init_in old{};
  old.major = 6;
  EXPECT_EQ(Ask(FUSE_INIT, 0, Bytes(old)).head.error, -EPROTO);
}

TEST_F(FuseTest, HasTheFilesAndNothingElse) {
  std::set<uint64_t> nodes;
  for (const FileName& file : kFiles) {
    fuse_entry_out entry = Lookup(file.name);
    EXPECT_TRUE(nodes.insert(entry.nodeid).second);
    EXPECT_EQ(entry.attr.mode, S_IFREG | 0444u);
    EXPECT_GT(entry.entry_valid, 3600u);
    EXPECT_EQ(entry.attr_valid, 0u);
  }
  EXPECT_EQ(Ask(FUSE_LOOKUP, FUSE_ROOT_ID, std::string_view("shadow\0", 7)).head.error, -ENOENT);
  EXPECT_EQ(Ask(FUSE_LOOKUP, 2, std::string_view("meminfo\0", 8)).head.error, -ENOTDIR);
  EXPECT_EQ(As<fuse_attr_out>(Ask(FUSE_GETATTR, FUSE_ROOT_ID)).attr.mode, S_IFDIR | 0555u);
  EXPECT_EQ(Ask(FUSE_GETATTR, 4711).head.error, -ENOENT);
}

TEST_F(FuseTest, ASizeIsThatOfTheTextAndIsAskedForAgain) {
  uint64_t node = Lookup("meminfo").nodeid;
  auto said = As<fuse_attr_out>(Ask(FUSE_GETATTR, node));
  EXPECT_EQ(said.attr.size, std::string("file 0\n").size());
  EXPECT_EQ(said.attr_valid, 0u);
  EXPECT_GT(As<fuse_attr_out>(Ask(FUSE_GETATTR, FUSE_ROOT_ID)).attr_valid, 3600u);
}

TEST_F(FuseTest, FilesAreReadInAnySteps) {
  uint64_t node = Lookup("meminfo").nodeid;
  fuse_open_in in{};
  auto open = As<fuse_open_out>(Ask(FUSE_OPEN, node, Bytes(in)));
  EXPECT_EQ(open.open_flags, uint32_t{FOPEN_DIRECT_IO});
  EXPECT_EQ(Read(node, open.fh, 0, 4096), "file 0\n");
  std::string text;
  for (std::string byte; !(byte = Read(node, open.fh, text.size(), 1)).empty();) text += byte;
  EXPECT_EQ(text, "file 0\n");
  EXPECT_EQ(Read(node, open.fh, uint64_t{1} << 63, 4096), "");
  fuse_release_in release{};
  release.fh = open.fh;
  EXPECT_EQ(Ask(FUSE_RELEASE, node, Bytes(release)).head.error, 0);
}

TEST_F(FuseTest, NothingIsWritten) {
  fuse_open_in in{};
  in.flags = O_RDWR;
  EXPECT_EQ(Ask(FUSE_OPEN, Lookup("meminfo").nodeid, Bytes(in)).head.error, -EACCES);
  EXPECT_EQ(Ask(FUSE_WRITE, 2).head.error, -ENOSYS);
}

TEST_F(FuseTest, ForgettingIsNotAnswered) {
  EXPECT_FALSE(Ask(FUSE_FORGET, 2).due);
  EXPECT_FALSE(Ask(FUSE_BATCH_FORGET, 2).due);
}

// Each answer says its own length and whom it is for, whatever was asked.
TEST_F(FuseTest, AnyBytesAreAnswered) {
  std::mt19937 random(1);
  for (int round = 0; round < 100'000; ++round) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    fuse_in_header head{};
    if (bytes.size() >= sizeof head) {
      memcpy(&head, bytes.data(), sizeof head);
      head.opcode = random() % 50;
      head.nodeid = random() % 20;
      memcpy(bytes.data(), &head, sizeof head);
    }
    auto answer = Handle(bytes);
    if (!answer.due) continue;
    EXPECT_EQ(answer.head.unique, head.unique);
    EXPECT_LE(answer.head.error, 0);
  }
}

}  // namespace
}  // namespace cradle::lxcfs
