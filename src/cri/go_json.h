// GoJson: a message as Go's encoding/json writes it, which is how programs written for containerd expect the
// configurations in verbose answers: fields by their names in the .proto, enums and 64-bit numbers as numbers, what is
// empty left out. Byte strings are written as text.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>

namespace cradle::cri {

nlohmann::ordered_json GoJson(const google::protobuf::Message& message);

}  // namespace cradle::cri
