#include "cri/go_json.h"

#include <google/protobuf/descriptor.h>

namespace cradle::cri {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using nlohmann::ordered_json;

// The field, or its `index`-th value when it is repeated (else -1).
ordered_json Value(const Message& message, const FieldDescriptor& field, int index) {
  const auto& reflection = *message.GetReflection();
  auto pick = [&](auto one, auto many) {
    return index < 0 ? (reflection.*one)(message, &field) : (reflection.*many)(message, &field, index);
  };
  using Reflection = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return pick(&Reflection::GetInt32, &Reflection::GetRepeatedInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return pick(&Reflection::GetInt64, &Reflection::GetRepeatedInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return pick(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return pick(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return pick(&Reflection::GetDouble, &Reflection::GetRepeatedDouble);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return pick(&Reflection::GetFloat, &Reflection::GetRepeatedFloat);
    case FieldDescriptor::CPPTYPE_BOOL:
      return pick(&Reflection::GetBool, &Reflection::GetRepeatedBool);
    case FieldDescriptor::CPPTYPE_ENUM:
      return pick(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue);
    case FieldDescriptor::CPPTYPE_STRING:
      return pick(&Reflection::GetString, &Reflection::GetRepeatedString);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return GoJson(index < 0 ? reflection.GetMessage(message, &field)
                          : reflection.GetRepeatedMessage(message, &field, index));
}

// A map's keys are strings everywhere in the CRI.
ordered_json Map(const Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  std::map<std::string, ordered_json> sorted;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    std::string key = entry.GetReflection()->GetString(entry, field.message_type()->map_key());
    sorted[key] = Value(entry, *field.message_type()->map_value(), -1);
  }
  return sorted;
}

ordered_json List(const Message& message, const FieldDescriptor& field) {
  ordered_json out = ordered_json::array();
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) out.push_back(Value(message, field, i));
  return out;
}

}  // namespace

ordered_json GoJson(const Message& message) {
  std::vector<const FieldDescriptor*> present;
  message.GetReflection()->ListFields(message, &present);
  ordered_json out = ordered_json::object();
  for (const FieldDescriptor* field : present) {
    if (field->is_map())
      out[field->name()] = Map(message, *field);
    else if (field->is_repeated())
      out[field->name()] = List(message, *field);
    else
      out[field->name()] = Value(message, *field, -1);
  }
  return out;
}

}  // namespace cradle::cri
