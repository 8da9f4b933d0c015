#include "cdi/spec.h"

#include <gtest/gtest.h>

namespace cradle::cdi {
namespace {

// As nvidia-ctk writes it.
constexpr char kNvidia[] = R"(---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
containerEdits:
  deviceNodes:
  - path: /dev/nvidia-uvm
  - path: /dev/nvidiactl
    permissions: rw
  env:
  - NVIDIA_VISIBLE_DEVICES=void
  hooks:
  - args:
    - nvidia-cdi-hook
    - create-symlinks
    - --link
    - ../libnvidia-allocator.so.1::/usr/lib/x86_64-linux-gnu/gbm/nvidia-drm_gbm.so
    env:
    - NVIDIA_CTK_DEBUG=false
    hookName: createContainer
    path: /usr/bin/nvidia-cdi-hook
  mounts:
  - containerPath: /usr/bin/nvidia-smi
    hostPath: /usr/bin/nvidia-smi
    options:
    - ro
    - nosuid
    - nodev
    - rbind
    - rprivate
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      major: 195
      fileMode: 0660   # octal
      gid: 44
  name: "0"
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
    - path: /dev/nvidia1
      hostPath: /dev/other
      type: c
      uid: 0x10
  name: all
)";

TEST(CdiSpec, IsWhatNvidiasToolsWrite) {
  auto spec = Spec::Parse(kNvidia);
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->kind, "nvidia.com/gpu");
  EXPECT_EQ(spec->edits.env, std::vector<std::string>{"NVIDIA_VISIBLE_DEVICES=void"});
  ASSERT_EQ(spec->edits.devices.size(), 2u);
  EXPECT_EQ(spec->edits.devices[0].host_path, "/dev/nvidia-uvm");
  EXPECT_EQ(spec->edits.devices[0].permissions, "rwm");
  EXPECT_EQ(spec->edits.devices[1].permissions, "rw");
  ASSERT_EQ(spec->edits.hooks.size(), 1u);
  EXPECT_EQ(spec->edits.hooks[0].stage, kCreateContainer);
  EXPECT_EQ(spec->edits.hooks[0].args.size(), 4u);
  EXPECT_EQ(spec->edits.hooks[0].env, std::vector<std::string>{"NVIDIA_CTK_DEBUG=false"});
  ASSERT_EQ(spec->edits.mounts.size(), 1u);
  EXPECT_EQ(spec->edits.mounts[0].options.size(), 5u);
  ASSERT_EQ(spec->devices.size(), 2u);
  const DeviceNode& first = spec->devices.at("0").devices.at(0);
  EXPECT_EQ(first.major, 195);
  EXPECT_EQ(first.mode, 0660u);
  EXPECT_EQ(first.gid, 44u);
  EXPECT_FALSE(first.uid);
  const DeviceNode& other = spec->devices.at("all").devices.at(1);
  EXPECT_EQ(other.host_path, "/dev/other");
  EXPECT_EQ(other.uid, 16u);
}

TEST(CdiSpec, IsJsonToo) {
  auto spec = Spec::Parse(R"({"cdiVersion":"1.0.0","kind":"v.com/c","annotations":{"a":"b"},"devices":[{"name":"d",
      "annotations":{},"containerEdits":{"additionalGids":[0,44],"intelRdt":{"closID":"x"}}}]})");
  ASSERT_TRUE(spec.ok()) << spec.error().text();
  EXPECT_EQ(spec->devices.at("d").additional_gids, std::vector<uint32_t>{44});
  EXPECT_TRUE(spec->devices.at("d").intel_rdt);
}

// The fields of a specification, otherwise good, and what is said of them.
TEST(CdiSpec, ErrorsNameTheField) {
  const std::pair<const char*, const char*> kBad[] = {
      {R"("kind": "noslash")", "spec.kind: \"noslash\" is not vendor/class"},
      {R"("kind": "a/b", "netDevices": [])", "spec: unknown field \"netDevices\""},
      {R"("kind": "a/b", "devices": {})", "spec.devices: not a list"},
      {R"("kind": "a/b", "devices": [])", "spec.devices: none"},
      {R"("kind": "a/b", "devices": [{"name": "-"}])", "devices[0].name: \"-\" is no device's name"},
      {R"("kind": "a/b", "devices": [{"name": "d"}, {"name": "d"}])", "devices[1].name: \"d\" stands twice"},
      {R"("kind": "a/b", "devices": [{"name": "d", "containerEdits": []}])", "devices[0].containerEdits: not an object"},
  };
  for (const auto& [text, why] : kBad) {
    auto spec = Spec::Parse(std::string(R"({"cdiVersion": "0.6.0", )") + text + "}");
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_NE(spec.error().text().find(why), std::string::npos) << spec.error().text();
  }
  const std::pair<const char*, const char*> kBadEdits[] = {
      {R"("env": ["=x"])", "containerEdits.env: \"=x\" is not NAME=VALUE"},
      {R"("env": [1])", "containerEdits.env[0]: not a string"},
      {R"("env": ["a=\u0000"])", "containerEdits.env[0]: has a NUL byte"},
      {R"("deviceNodes": [{"path": "dev/x"}])", "containerEdits.deviceNodes[0].path: \"dev/x\" is no absolute path"},
      {R"("deviceNodes": [{"path": "/x", "type": "p"}])", "containerEdits.deviceNodes[0].type: \"p\""},
      {R"("deviceNodes": [{"path": "/x", "minor": -1}])", "containerEdits.deviceNodes[0].minor: not a whole number"},
      {R"("deviceNodes": [{"path": "/x", "permissions": "x"}])", "containerEdits.deviceNodes[0].permissions: \"x\""},
      {R"("mounts": [{"hostPath": "/a"}])", "containerEdits.mounts[0].containerPath: \"\""},
      {R"("mounts": [{"hostPath": "/a", "containerPath": "/b", "type": "tmpfs"}])", "mounts[0].type: \"tmpfs\""},
      {R"("hooks": [{"hookName": "later", "path": "/a"}])", "hooks[0].hookName: no hook is called \"later\""},
      {R"("hooks": [{"hookName": "prestart", "path": "/a", "timeout": 1e3}])", "hooks[0].timeout: not a whole number"},
      {R"("additionalGids": [4294967295])", "additionalGids[0]: not a whole number"},
  };
  for (const auto& [text, why] : kBadEdits) {
    auto spec = Spec::Parse(std::string(R"({"cdiVersion": "0.6.0", "kind": "a/b", "devices": [{"name": "d"}], )") +
                            R"("containerEdits": {)" + text + "}}");
    ASSERT_FALSE(spec.ok()) << text;
    EXPECT_NE(spec.error().text().find(why), std::string::npos) << spec.error().text();
  }
}

TEST(CdiSpec, WhatIsNoDocumentIsRefused) {
  std::string deep = "{\"a\":";
  for (int i = 0; i < 1000; ++i) deep += '[';
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("a: &x b\nc: *x\n"), std::string("a: 1\na: 2\n"),
        std::string("a: 1\n---\nb: 2\n"), std::string("\tx"), std::string("{\"a\":1,\"a\":2}"), deep,
        std::string(1000, '['), std::string("? [a]\n: b\n"), std::string("a: !!binary x\n"), std::string("\xff\xfe")})
    EXPECT_FALSE(Spec::Parse(text).ok()) << text.substr(0, 40);
}

TEST(CdiSpec, VersionsAreKnown) {
  for (const char* version : {"0.2.0", "1.1.0", "", "0.3"}) {
    auto spec = Spec::Parse(std::string("{\"cdiVersion\":\"") + version + R"(","kind":"a/b","devices":[{"name":"d"}]})");
    ASSERT_FALSE(spec.ok()) << version;
    EXPECT_NE(spec.error().text().find("cdiVersion"), std::string::npos);
  }
}

TEST(CdiDeviceName, IsVendorClassAndName) {
  auto name = DeviceName::Parse("nvidia.com/gpu=GPU-1:0");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->kind, "nvidia.com/gpu");
  EXPECT_EQ(name->device, "GPU-1:0");
  for (const char* bad : {"", "=", "/=", "a/b", "a/b=", "a=b", "/b=c", "a/=c", "a/b.c=d", "1/b=c", "a/b=c/d", "a/b=../x"})
    EXPECT_FALSE(DeviceName::Parse(bad).ok()) << bad;
}

TEST(CdiAnnotations, NameDevices) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(NamesIn("cdi.k8s.io/plugin", "a/b=1,a/b=2"), (Names{"a/b=1", "a/b=2"}));
  EXPECT_EQ(NamesIn("cdi.k8s.io/plugin", ""), Names{""});  // which is no name
  EXPECT_EQ(NamesIn("example.com/plugin", "a/b=3"), Names());
}

}  // namespace
}  // namespace cradle::cdi
