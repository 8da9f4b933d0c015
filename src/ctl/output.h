// Answers as JSON or YAML documents.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "ctl/verbs.h"

namespace cradle::ctl {

void PrintDocument(const std::string& json, Format format);
// Field names as in the proto.
void PrintMessage(const google::protobuf::Message& message, Format format);
inline bool IsDocument(Format format) { return format == Format::kJson || format == Format::kYaml; }

}  // namespace cradle::ctl
