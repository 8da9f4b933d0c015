// Answers as tables for people, or as JSON or YAML documents.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "ctl/table.h"
#include "ctl/verbs.h"

namespace cradle::ctl {

void PrintDocument(const std::string& json, Format format);
// Field names as in the proto.
void PrintMessage(const google::protobuf::Message& message, Format format);
// Twelve digits of an id, all of it in a wide table.
std::string ShortId(const std::string& id, Format format);
// As wide as the terminal; a wide one as wide as it is.
void PrintTable(const Table& table, Format format);
inline bool IsDocument(Format format) { return format == Format::kJson || format == Format::kYaml; }

}  // namespace cradle::ctl
