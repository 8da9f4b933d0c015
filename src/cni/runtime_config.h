// What one ADD is about, checked and put in CNI's terms. Pure.
#pragma once

#include "base/result.h"
#include "cni/network.h"
#include "cni/record.h"

namespace cradle::cni {

// All of the record but the list and the result. INVALID_ARGUMENT names the field.
Result<Record> MakeRecord(const AddRequest& request);

}  // namespace cradle::cni
