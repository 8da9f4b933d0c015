// Pulls from a FakeRegistry into a store of the test's own.
#pragma once

#include <random>

#include "fake_registry.h"
#include "fixture.h"

namespace cradle::image {

using Strings = std::vector<std::string>;

class PullTest : public StoreTest {
 protected:
  LayoutImage OneLayer(const std::string& content) {
    LayoutImage image;
    image.layers = {TarWriter().Directory("etc").File("etc/motd", content).Take()};
    return image;
  }
  Result<std::shared_ptr<const Image>> Pull(const std::string& reference, const Auth& auth = {},
                                            std::stop_token stop = {}) {
    return store_->Pull(reference, auth, stop, {});
  }
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(dir_.path() + "/" + path).parent_path());
    std::ofstream(dir_.path() + "/" + path) << text;
  }
  void WriteHosts(const std::string& folder, const std::string& text) { Write("certs.d/" + folder + "/hosts.toml", text); }
  void ExpectRefused(const Result<std::shared_ptr<const Image>>& pulled, const std::string& why) {
    ASSERT_FALSE(pulled.ok()) << why;
    EXPECT_NE(pulled.error().text().find(why), std::string::npos) << pulled.error().text();
  }

  FakeRegistry registry_;
};

inline std::string Noise(size_t size) {
  std::mt19937_64 random(size);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

}  // namespace cradle::image
