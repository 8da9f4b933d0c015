// Layers from archives made here, hostile ones among them, unpacked in this process without the sandbox.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <isa-l/igzip_lib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>

#include "base/sys/file.h"
#include "base/sys/process.h"
#include "image/builtin/tar_writer.h"
#include "unpack/unpack.h"

namespace cradle::unpack {
namespace {

using image::TarEntry;
using image::TarWriter;

std::string Gzip(const std::string& plain) {
  std::string out(plain.size() + plain.size() / 8 + 4096, '\0');
  isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  stream.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uint32_t>(plain.size());
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = static_cast<uint32_t>(out.size());
  EXPECT_EQ(isal_deflate_stateless(&stream), COMP_OK);
  out.resize(stream.total_out);
  return out;
}

std::string Zstd(const std::string& plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
  return out;
}

class UnpackTest : public testing::Test {
 protected:
  UnpackTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "cradle-unpack-XXXXXX";
    base_ = mkdtemp(pattern.data());
    old_umask_ = sys::Umask(0);
    for (const char* name : {"root", "lower0", "lower1", "outside"}) std::filesystem::create_directory(base_ + "/" + name);
  }
  ~UnpackTest() override {
    sys::Umask(old_umask_);
    EXPECT_TRUE(sys::RemoveTree(kCwd, base_).ok());
  }

  // lower0 is the topmost.
  Result<Unpacked> Unpack(const std::string& archive, const Limits& limits = {}) {
    UniqueFd input = TRY(sys::MakeMemfd("archive"));
    TRYV(sys::WriteAll(input, archive.data(), archive.size()));
    UniqueFd again = TRY(sys::OpenAt(kCwd, "/proc/self/fd/" + std::to_string(input.get()), O_RDONLY));
    UniqueFd root = TRY(sys::OpenAt(kCwd, base_ + "/root", O_RDONLY | O_DIRECTORY));
    Lowers lowers([this]() -> Result<std::vector<UniqueFd>> {
      ++asked_;
      std::vector<UniqueFd> out;
      for (const char* name : {"/lower0", "/lower1"}) out.push_back(TRY(sys::OpenAt(kCwd, base_ + name, O_PATH | O_DIRECTORY)));
      return out;
    });
    Unpacked done;
    auto result = UnpackLayer(again, root, lowers, limits, [] { return Result<>(); }, done);
    digest_ = done.blob_digest;
    if (!result.ok()) return std::move(result.error());
    return done;
  }
  void ExpectRefused(const std::string& archive, const std::string& why, const Limits& limits = {}) {
    auto done = Unpack(archive, limits);
    ASSERT_FALSE(done.ok()) << why;
    EXPECT_NE(done.error().text().find(why), std::string::npos) << done.error().text();
  }
  std::string Read(const std::string& path) {
    return sys::ReadFile(kCwd, base_ + "/" + path, 1 << 24).value_or("(none)");
  }
  struct stat Stat(const std::string& path) {
    auto info = sys::FstatAt(kCwd, base_ + "/" + path, AT_SYMLINK_NOFOLLOW);
    EXPECT_TRUE(info.ok()) << path;
    return info.ok() ? *info : (struct stat){};
  }
  bool Exists(const std::string& path) { return sys::Exists(kCwd, base_ + "/" + path); }
  bool IsWhiteout(const std::string& path) {
    struct stat info = Stat(path);
    return S_ISCHR(info.st_mode) && info.st_rdev == 0;
  }

  std::string base_;
  mode_t old_umask_;
  int asked_ = 0;
  std::string digest_;  // as of the last one
};

TarEntry Make(const std::string& path, char type) {
  TarEntry entry;
  entry.path = path;
  entry.type = type;
  return entry;
}

TEST_F(UnpackTest, MetadataIsKept) {
  TarEntry file = Make("bin/su", '0');
  file.data = "program";
  file.mode = 06755;
  file.uid = 12;
  file.gid = 3'000'000'000;
  file.mtime = 1'000'000'007;
  file.pax["mtime"] = "1000000007.25";
  file.pax["SCHILY.xattr.user.note"] = std::string("a\0b", 3);
  file.pax["SCHILY.xattr.trusted.overlay.opaque"] = "y";
  TarEntry dir = Make("bin/", '5');
  dir.mode = 01777;
  dir.mtime = 12345;
  TarEntry device = Make("dev/null", '3');
  device.major = 1;
  device.minor = 3;
  device.mode = 0666;
  auto done = Unpack(TarWriter().Add(dir).Add(file).Symlink("bin/link", "/anywhere").Directory("dev").Add(device)
                         .Add(Make("dev/pipe", '6')).HardLink("bin/su2", "bin/su").Take());
  ASSERT_TRUE(done.ok()) << done.error().text();
  EXPECT_EQ(Read("root/bin/su"), "program");
  struct stat info = Stat("root/bin/su");
  EXPECT_EQ(info.st_mode, S_IFREG | 06755u);
  EXPECT_EQ(info.st_uid, 12u);
  EXPECT_EQ(info.st_gid, 3'000'000'000u);
  EXPECT_EQ(info.st_mtim.tv_sec, 1'000'000'007);
  EXPECT_EQ(info.st_mtim.tv_nsec, 250'000'000);
  EXPECT_EQ(info.st_nlink, 2u);
  EXPECT_EQ(Stat("root/bin").st_mode, S_IFDIR | 01777u);
  EXPECT_EQ(Stat("root/bin").st_mtim.tv_sec, 12345);
  EXPECT_EQ(Stat("root/dev/null").st_rdev, makedev(1, 3));
  EXPECT_EQ(Stat("root/dev/null").st_mode, S_IFCHR | 0666u);
  EXPECT_TRUE(S_ISFIFO(Stat("root/dev/pipe").st_mode));
  char value[16];
  std::string su = base_ + "/root/bin/su";
  EXPECT_EQ(::getxattr(su.c_str(), "user.note", value, sizeof value), 3);
  EXPECT_LT(::getxattr(su.c_str(), "trusted.overlay.opaque", value, sizeof value), 0);
  EXPECT_EQ(asked_, 0) << "nothing of the lower layers was needed";
  EXPECT_EQ(done->inodes, 7u);  // the root is one
}

TEST_F(UnpackTest, CompressedStreamsGiveTheSameTree) {
  std::string noise;
  for (unsigned i = 0; i < 300'000; ++i) noise.push_back(static_cast<char>(i * i >> 7));
  std::string tar = TarWriter().File("noise", noise).Take();
  auto plain = Unpack(tar);
  ASSERT_TRUE(plain.ok());
  size_t half = tar.size() / 2;
  std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  for (const std::string& packed :
       {Gzip(tar), Gzip(tar.substr(0, half)) + Gzip("") + Gzip(tar.substr(half)), Gzip(tar) + std::string(700, '\0'),
        Zstd(tar), skippable + Zstd(tar.substr(0, half)) + Zstd(tar.substr(half)) + skippable}) {
    auto done = Unpack(packed);
    ASSERT_TRUE(done.ok()) << done.error().text();
    EXPECT_EQ(done->diff_id, plain->diff_id);
    EXPECT_NE(done->blob_digest, plain->blob_digest);
    EXPECT_EQ(Read("root/noise"), noise);
  }
  for (const std::string& packed : {Gzip(tar), Zstd(tar)}) {
    ExpectRefused(packed.substr(0, packed.size() - 20), "ends");
    std::string corrupt = packed;
    corrupt[5] ^= 0x55;
    corrupt[corrupt.size() / 2] ^= 0x55;
    auto done = Unpack(corrupt);
    EXPECT_TRUE(!done.ok() || done->diff_id != plain->diff_id);
  }
}

TEST_F(UnpackTest, WhiteoutsBecomeDevicesAndOpaqueFoldersAreReported) {
  auto done = Unpack(TarWriter().Directory("etc").File("etc/.wh.gone", "").Directory("var").File("var/kept", "k")
                         .File("var/.wh..wh..opq", "").File("etc/.wh..wh.plnk", "").Directory("etc/own")
                         .File("etc/.wh.own", "").File("etc/new", "n").File("etc/.wh.new", "")
                         .File("etc/.wh.back", "").Directory("etc/back").Take());
  ASSERT_TRUE(done.ok()) << done.error().text();
  EXPECT_TRUE(IsWhiteout("root/etc/gone"));
  EXPECT_EQ(Read("root/var/kept"), "k") << "an opaque mark hides lower layers only";
  EXPECT_EQ(Read("root/etc/new"), "n") << "so does a whiteout";
  EXPECT_FALSE(Exists("root/etc/.wh..wh.plnk"));
  EXPECT_EQ(done->opaque, (std::vector<std::string>{"etc/back", "etc/own", "var"}));
}

TEST_F(UnpackTest, AnOpaqueRootHidesEveryLowerName) {
  std::filesystem::create_directories(base_ + "/lower0/a");
  std::filesystem::create_directories(base_ + "/lower1/b");
  auto done = Unpack(TarWriter().File(".wh..wh..opq", "").Directory("b").Take());
  ASSERT_TRUE(done.ok()) << done.error().text();
  EXPECT_TRUE(IsWhiteout("root/a"));
  EXPECT_EQ(done->opaque, std::vector<std::string>{"b"});
}

TEST_F(UnpackTest, WhiteoutsOfNoNameAreRefused) {
  for (const char* name : {".wh.", ".wh..", ".wh...", "a/.wh..."})
    ExpectRefused(TarWriter().Directory("a").File(name, "").Take(), "whiteout of no name");
}

TEST_F(UnpackTest, NothingLeavesTheRootByItsName) {
  std::string up = "../../../../../../../.." + base_ + "/outside/f";
  ASSERT_TRUE(Unpack(TarWriter().File(up, "x").File("/abs", "y").File("a/../../b", "z").Take()).ok());
  EXPECT_FALSE(Exists("outside/f"));
  EXPECT_EQ(Read("root" + base_ + "/outside/f"), "x");
  EXPECT_EQ(Read("root/abs"), "y");
  EXPECT_EQ(Read("root/b"), "z");
}

TEST_F(UnpackTest, NothingLeavesTheRootByALink) {
  std::string out = base_ + "/outside";
  ASSERT_TRUE(Unpack(TarWriter().Symlink("link", out).File("link/f", "x").Symlink("rel", "../../../../../../.." + out)
                         .File("rel/g", "y").File("link/.wh.h", "").Take()).ok());
  EXPECT_TRUE(std::filesystem::is_empty(out));
  EXPECT_EQ(Read("root" + out + "/f"), "x") << "inside, as a container would see it";
  EXPECT_EQ(Read("root" + out + "/g"), "y");
}

TEST_F(UnpackTest, AFileReplacesALinkAndIsNotWrittenThroughIt) {
  std::filesystem::create_directory(base_ + "/root/t");
  ASSERT_TRUE(Unpack(TarWriter().File("victim", "old").Symlink("l", "victim").File("l", "new")
                         .Symlink("d", "t").Directory("d").File("d/inside", "i").Take()).ok());
  EXPECT_EQ(Read("root/victim"), "old");
  EXPECT_EQ(Read("root/l"), "new");
  EXPECT_TRUE(S_ISDIR(Stat("root/d").st_mode));
  EXPECT_FALSE(Exists("root/t/inside"));
}

TEST_F(UnpackTest, AFolderMayBecomeALinkAndAFile) {
  ASSERT_TRUE(Unpack(TarWriter().Directory("d").File("d/f", "1").Symlink("d", "e").Directory("e").File("e/g", "2")
                         .Directory("h").File("h/i", "3").File("h", "4").Take()).ok());
  EXPECT_TRUE(S_ISLNK(Stat("root/d").st_mode));
  EXPECT_EQ(Read("root/e/g"), "2");
  EXPECT_EQ(Read("root/h"), "4");
}

TEST_F(UnpackTest, HardLinksStayInsideAndNeedATarget) {
  std::filesystem::create_directories(base_ + "/outside/s");
  ExpectRefused(TarWriter().HardLink("h", base_ + "/outside/s").Take(), "link target");
  ExpectRefused(TarWriter().HardLink("h", "../../../../../etc/passwd").Take(), "link target");
  ExpectRefused(TarWriter().Symlink("l", "/etc").HardLink("h", "l/passwd").Take(), "link target");
  ExpectRefused(TarWriter().Directory("d").HardLink("h", "d").Take(), "h");
  ASSERT_TRUE(Unpack(TarWriter().Symlink("sl", "/etc/passwd").HardLink("h2", "sl").Take()).ok());
  EXPECT_TRUE(S_ISLNK(Stat("root/h2").st_mode)) << "the link itself is linked";
}

TEST_F(UnpackTest, OutOfRangeNumbersAreRefused) {
  TarEntry device = Make("d", '3');
  device.major = 5000;
  ExpectRefused(TarWriter().Add(device).Take(), "device major 5000 is out of range");
  device.major = 1;
  device.minor = uint64_t{1} << 21;
  ExpectRefused(TarWriter().Add(device).Take(), "device minor 2097152 is out of range");
  TarEntry file = Make("f", '0');
  file.uid = uint64_t{1} << 32;
  ExpectRefused(TarWriter().Add(file).Take(), "uid 4294967296 is out of range");
  file.uid = 0;
  file.pax["gid"] = "4294967295";
  ExpectRefused(TarWriter().Add(file).Take(), "gid 4294967295 is out of range");
  file.pax = {{"size", "-5"}};
  ExpectRefused(TarWriter().Add(file).Take(), "size is negative");
}

TEST_F(UnpackTest, NamesBeyondTheLimitsAreRefused) {
  ExpectRefused(TarWriter().File(std::string(256, 'n'), "").Take(), "limit of 255 bytes");
  std::string deep;
  for (int i = 0; i < 2100; ++i) deep += "a/";
  ExpectRefused(TarWriter().File(deep, "").Take(), "limit of 4095 bytes (image.max_layer_name_bytes)");
  TarEntry zero = Make("f", '0');
  zero.pax["path"] = std::string("a\0b", 3);
  ExpectRefused(TarWriter().Add(zero).Take(), "zero byte");
}

TEST_F(UnpackTest, LinksCannotNestFoldersWithoutEnd) {
  std::string part;
  for (int i = 0; i < 8; ++i) part += std::string(250, 'a') + "/";
  TarWriter tar;
  tar.Directory(part).Symlink("l0", part);
  for (int i = 1; i < 8; ++i) {
    std::string through = "l" + std::to_string(i - 1) + "/" + part;
    tar.Directory(through).Symlink("l" + std::to_string(i), through);
  }
  ExpectRefused(tar.Take(), "limit of 4095 bytes");
}

TEST_F(UnpackTest, LinkLoopsAreRefused) {
  ExpectRefused(TarWriter().Symlink("a", "b").Symlink("b", "a").File("a/f", "").Take(), "limit of 40 links");
}

TEST_F(UnpackTest, LargeExtensionsAreRefused) {
  TarEntry file = Make("f", '0');
  file.pax["comment"] = std::string(2 << 20, 'x');
  ExpectRefused(TarWriter().Add(file).Take(), "limit of 1048576 bytes (image.max_layer_header_bytes)");
}

TEST_F(UnpackTest, ManyExtensionsOfOneEntryAreOneLargeExtension) {
  std::string tar;
  for (int i = 0; i < 20; ++i) {
    TarEntry file = Make("f", '0');
    file.pax["key" + std::to_string(i)] = std::string(60'000, 'x');
    tar += TarWriter().Add(file).Take();
    tar.resize(tar.size() - 1024 - 512);  // neither the end mark nor the entry that it was for
  }
  ExpectRefused(tar + TarWriter().File("f", "").Take(), "limit of 1048576 bytes (image.max_layer_header_bytes)");
}

TEST_F(UnpackTest, LinksToLowerLayersCannotFillTheDisk) {
  std::filesystem::create_directories(base_ + "/lower0/d");
  ASSERT_EQ(::truncate((std::ofstream(base_ + "/lower0/d/0"), base_ + "/lower0/d/0").c_str(), 600'000), 0);
  for (const char* name : {"1", "2"}) std::filesystem::create_hard_link(base_ + "/lower0/d/0", base_ + "/lower0/d/" + name);
  Limits limits;
  limits.max_bytes = 1 << 20;
  ASSERT_EQ(::setxattr((base_ + "/lower0/d/0").c_str(), "user.note", "n", 1, 0), 0);
  auto one = Unpack(TarWriter().HardLink("a", "d/0").HardLink("b", "d/0").Take(), limits);
  ASSERT_TRUE(one.ok()) << one.error().text();
  char value[8];
  EXPECT_EQ(::getxattr((base_ + "/root/a").c_str(), "user.note", value, sizeof value), 1) << "copied with its attributes";
  ExpectRefused(TarWriter().HardLink("c", "d/1").HardLink("e", "d/2").Take(), "limit of 1048576 bytes (image.max_layer_bytes)", limits);
}

TEST_F(UnpackTest, BombsAreStopped) {
  Limits limits;
  limits.max_bytes = 1 << 20;
  std::string zeros = TarWriter().File("zeros", std::string(8 << 20, '\0')).Take();
  ExpectRefused(Gzip(zeros), "limit of 1048576 bytes (image.max_layer_bytes)", limits);
  ExpectRefused(Zstd(zeros), "limit of 1048576 bytes", limits);
  EXPECT_EQ(digest_, "") << "it was read to its end in spite of that";
  Limits ratio;
  ratio.ratio_from = 1 << 20;
  ratio.max_ratio = 20;
  ExpectRefused(Zstd(zeros), "limit of 20 to 1 (image.max_layer_ratio)", ratio);
  Limits few;
  few.max_entries = 3;
  ExpectRefused(TarWriter().File("a", "").File("b", "").File("c", "").File("d", "").Take(), "limit of 3 entries (image.max_layer_entries)", few);
}

TEST_F(UnpackTest, DamagedArchivesAreRefused) {
  std::string tar = TarWriter().File("a", std::string(2000, 'a')).Take();
  ExpectRefused(tar.substr(0, 1000), "ends in the middle");
  std::string wrong = tar;
  wrong[0] = 'b';
  ExpectRefused(wrong, "not a tar archive");
  EXPECT_NE(digest_, "") << "the rest was read, to tell whose fault it is";
  ExpectRefused(std::string(5000, 'x'), "");
  EXPECT_TRUE(Unpack("").ok()) << "an empty layer";
  ASSERT_TRUE(Unpack(tar.substr(0, 512 + 2000)).ok()) << "neither the last block filled up nor an end mark";
  EXPECT_EQ(Read("root/a"), std::string(2000, 'a'));
}

TEST_F(UnpackTest, ParentsAndLinkTargetsComeFromTheVisibleLowerLayer) {
  std::filesystem::create_directories(base_ + "/lower1/opt/app");
  std::filesystem::create_directories(base_ + "/lower0/opt");
  ASSERT_EQ(::chmod((base_ + "/lower0/opt").c_str(), 0711), 0);
  ASSERT_EQ(::chown((base_ + "/lower1/opt/app").c_str(), 5, 6), 0);
  ASSERT_EQ(::mknod((base_ + "/lower0/hidden").c_str(), S_IFCHR, 0), 0);
  std::filesystem::create_directories(base_ + "/lower1/hidden");
  ASSERT_EQ(::chmod((base_ + "/lower1/hidden").c_str(), 0700), 0);
  ASSERT_TRUE(Unpack(TarWriter().File("opt/app/new", "n").File("hidden/f", "f").File("none/f", "g").Take()).ok());
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(Stat("root/opt").st_mode & 07777, 0711u);
  EXPECT_EQ(Stat("root/opt/app").st_uid, 5u);
  EXPECT_EQ(Stat("root/hidden").st_mode & 07777, 0755u) << "a whiteout hides the one below";
  EXPECT_EQ(Stat("root/none").st_mode & 07777, 0755u);
}

TEST_F(UnpackTest, LongNamesOfBothKindsAreRead) {
  std::string longer(150, 'p');
  TarWriter tar;
  tar.File(longer + "/" + longer, "pax");
  TarEntry gnu = Make("././@LongLink", 'L');
  gnu.data = "dir/" + std::string(180, 'g') + '\0';
  tar.Add(gnu).File("short", "gnu");
  ASSERT_TRUE(Unpack(tar.Take()).ok());
  EXPECT_EQ(Read("root/" + longer + "/" + longer), "pax");
  EXPECT_EQ(Read("root/dir/" + std::string(180, 'g')), "gnu");
}

TEST_F(UnpackTest, SparseFilesOfEveryFormAreWrittenWithTheirHoles) {
  constexpr off_t kSize = 16 << 20;
  std::string content(kSize, '\0');
  auto put = [&](size_t at, const std::string& text) { content.replace(at, text.size(), text); };
  put(0, "begin");
  for (size_t i = 1; i <= 60; ++i) put(i * 200'000, "piece " + std::to_string(i) + std::string(5000, 'x'));
  {
    auto fd = sys::OpenAt(kCwd, base_ + "/outside/holes", O_WRONLY | O_CREAT, 0644);
    ASSERT_TRUE(fd.ok());
    ASSERT_TRUE(sys::Ftruncate(*fd, kSize).ok());
    for (size_t at = 0; at < content.size(); at += 4096) {
      if (content.compare(at, 4096, std::string(4096, '\0')) == 0) continue;
      ASSERT_EQ(::pwrite(fd->get(), content.data() + at, 4096, static_cast<off_t>(at)), 4096);
    }
  }
  for (const char* form : {"gnu", "pax --sparse-version=0.0", "pax --sparse-version=0.1", "pax --sparse-version=1.0"}) {
    std::string command = Cat("tar -C ", base_, "/outside -S --format=", form, " -cf ", base_, "/archive holes");
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    auto done = Unpack(Read("archive"));
    ASSERT_TRUE(done.ok()) << form << ": " << done.error().text();
    EXPECT_TRUE(Read("root/holes") == content) << form;
    EXPECT_LT(Stat("root/holes").st_blocks * 512, kSize / 4) << form;
  }
}

TEST_F(UnpackTest, HostileSparseMapsAreRefused) {
  auto make = [](const std::map<std::string, std::string>& pax, const std::string& data) {
    TarEntry file = Make("f", '0');
    for (const auto& [key, value] : pax) file.pax["GNU.sparse." + key] = value;
    file.data = data;
    return TarWriter().Add(file).Take();
  };
  std::map<std::string, std::string> v1 = {{"major", "1"}, {"minor", "0"}, {"realsize", "1000"}};
  auto map = [](std::string numbers, const std::string& data) {
    numbers.resize((numbers.size() + 511) / 512 * 512);
    return numbers + data;
  };
  ASSERT_TRUE(Unpack(make(v1, map("1\n990\n5\n", "abcde"))).ok());
  EXPECT_EQ(Read("root/f"), std::string(990, '\0') + "abcde" + std::string(5, '\0'));
  ExpectRefused(make(v1, map("1\n996\n5\n", "abcde")), "don't fit its sizes");
  ExpectRefused(make(v1, map("1\n0\n6\n", "abcde")), "don't fit its sizes");
  ExpectRefused(make(v1, map("2\n5\n3\n6\n2\n", "abcde")), "overlap");
  ExpectRefused(make(v1, map("2\n5\n3\n", "")), "none");
  ExpectRefused(make(v1, map("1\n18446744073709551615\n5\n", "abcde")), "none");
  ExpectRefused(make(v1, map("99999999999999999999\n", "")), "none");
  ExpectRefused(make(v1, "1\n0\n5"), "cut");
  ExpectRefused(make(v1, "x"), "none");
  ExpectRefused(make({{"major", "1"}}, map("0\n", "")), "without a size");
  ExpectRefused(make({{"size", "9"}, {"map", "0"}}, ""), "cut");
  ExpectRefused(make({{"size", "9"}, {"map", "0,-1"}}, ""), "none");
  ExpectRefused(make({{"size", "999999999999999"}, {"map", "0,0"}}, ""), "image.max_layer_bytes");
  std::string many = "200000\n";
  for (int i = 0; i < 200'000; ++i) many += std::to_string(i) + "\n0\n";
  ExpectRefused(make(v1, map(many, "")), "limit of 100000 pieces (image.max_layer_extents)");
  TarEntry folder = Make("d/", '5');
  folder.pax["GNU.sparse.size"] = "5";
  ExpectRefused(TarWriter().Add(folder).Take(), "no file");
}

TEST_F(UnpackTest, AFolderThatBecameAFileCountsNoMore) {
  auto done = Unpack(TarWriter().Directory("d").File("d/a", std::string(100'000, 'a')).File("d", "x").File("made/f", "y").Take());
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->inodes, 4u);  // the root, d, made, made/f
  EXPECT_LT(done->bytes, 50'000u);
}

TEST_F(UnpackTest, ControlBytesOfNamesDoNotReachTheError) {
  auto done = Unpack(TarWriter().File("a\n\x1b[31mb/" + std::string(300, 'x'), "").Take());
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().text().find('\n'), std::string::npos);
  EXPECT_EQ(done.error().text().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace cradle::unpack
