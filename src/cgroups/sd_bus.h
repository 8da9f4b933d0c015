// SdBus: the part of libsystemd (sd-bus(3)) that we use, loaded when it is first needed: a node without systemd
// doesn't have it, and one with cgroupfs doesn't pay for it. The functions have their names, but for the prefix.
#pragma once

#include <systemd/sd-bus.h>

#include "base/result.h"

namespace cradle::cgroups {

#define CRADLE_SD_BUS(F)                                                                           \
  F(new) F(set_address) F(set_trusted) F(start) F(close_unref) F(get_fd) F(get_events)             \
  F(get_timeout) F(process) F(match_signal) F(call_async) F(slot_unref) F(message_new_method_call) \
  F(message_append) F(message_open_container) F(message_close_container) F(message_read)           \
  F(message_get_error) F(message_unref)

struct SdBus {
#define CRADLE_DECLARE(NAME) decltype(&::sd_bus_##NAME) NAME##_ = nullptr;
  CRADLE_SD_BUS(CRADLE_DECLARE)
#undef CRADLE_DECLARE

  // FAILED_PRECONDITION where the library is missing. It stays loaded.
  static Result<SdBus> Load();
};

}  // namespace cradle::cgroups
