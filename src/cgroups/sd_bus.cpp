#include "cgroups/sd_bus.h"

#include <dlfcn.h>

namespace cradle::cgroups {

Result<SdBus> SdBus::Load() {
  void* library = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) return FailedPrecondition(Cat("the systemd driver needs libsystemd: ", ::dlerror()));
  SdBus bus;
#define CRADLE_FIND(NAME)                                                                \
  bus.NAME##_ = reinterpret_cast<decltype(bus.NAME##_)>(::dlsym(library, "sd_bus_" #NAME)); \
  if (!bus.NAME##_) return FailedPrecondition("libsystemd.so.0 has no sd_bus_" #NAME);
  CRADLE_SD_BUS(CRADLE_FIND)
#undef CRADLE_FIND
  return bus;
}

}  // namespace cradle::cgroups
