// CDI specifications, JSON and YAML: whatever comes out has absolute paths, known hooks and no NUL bytes.
#include "cdi/spec.h"
#include "fuzz.h"

namespace cradle::cdi {
namespace {

void CheckEdits(const Edits& edits) {
  for (const std::string& entry : edits.env) {
    fuzz::Require(entry.find('=') != entry.npos && entry.find('=') > 0);
    fuzz::Require(entry.find('\0') == entry.npos);
  }
  for (const DeviceNode& device : edits.devices) {
    fuzz::Require(device.path.starts_with('/') && device.host_path.starts_with('/'));
    fuzz::Require(device.major >= 0 && device.minor >= 0);
    fuzz::Require(!device.permissions.empty() && device.permissions.size() <= 3);
  }
  for (const Mount& mount : edits.mounts)
    fuzz::Require(mount.host_path.starts_with('/') && mount.container_path.starts_with('/'));
  for (const Hook& hook : edits.hooks) fuzz::Require(hook.path.starts_with('/') && !hook.stage.empty());
}

}  // namespace
}  // namespace cradle::cdi

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cradle;
  std::string_view input = fuzz::View(data, size);
  (void)cdi::DeviceName::Parse(input).ok();
  auto spec = cdi::Spec::Parse(input);
  if (!spec.ok()) return 0;
  fuzz::Require(!spec->devices.empty());
  cdi::CheckEdits(spec->edits);
  for (const auto& [name, edits] : spec->devices) cdi::CheckEdits(edits);
  return 0;
}
