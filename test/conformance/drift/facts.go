// Package drift compares api/cri/api.proto with the published CRI, descriptor by descriptor.
package drift

import (
	"fmt"
	"sort"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Facts are all that a file's descriptors say and a peer could notice, one line for each thing in
// it: "field Mount.host_path" is "2 string". The file's name and JSON names don't count.
type Facts map[string]string

// Of lists the facts of a file.
func Of(file protoreflect.FileDescriptor) Facts {
	facts := Facts{}
	facts["package"] = string(file.Package())
	facts["syntax"] = file.Syntax().String()
	for service := range all(file.Services()) {
		facts.add("service", service, "")
		for method := range all(service.Methods()) {
			facts.add("method", method, fmt.Sprintf("%s%s -> %s%s",
				mark(method.IsStreamingClient(), "stream "), method.Input().FullName(),
				mark(method.IsStreamingServer(), "stream "), method.Output().FullName()))
		}
	}
	facts.enums(file.Enums())
	facts.messages(file.Messages())
	for extension := range all(file.Extensions()) {
		facts.field(extension)
	}
	return facts
}

// Diff says in sentences how two lists of facts differ; it is empty if they don't.
func Diff(want, got Facts) []string {
	var out []string
	for key, value := range want {
		if other, ok := got[key]; !ok {
			out = append(out, fmt.Sprintf("%s: missing, should be %q", key, value))
		} else if other != value {
			out = append(out, fmt.Sprintf("%s: %q, should be %q", key, other, value))
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			out = append(out, key+": should not exist")
		}
	}
	sort.Strings(out)
	return out
}

func (f Facts) add(kind string, d protoreflect.Descriptor, value string) {
	f[kind+" "+string(d.FullName())] = value + mark(deprecated(d), " deprecated")
}

func (f Facts) enums(enums protoreflect.EnumDescriptors) {
	for enum := range all(enums) {
		f.add("enum", enum, "")
		for value := range all(enum.Values()) {
			f.add("value of "+string(enum.Name()), value, fmt.Sprint(value.Number()))
		}
	}
}

func (f Facts) messages(messages protoreflect.MessageDescriptors) {
	for message := range all(messages) {
		f.add("message", message, mark(message.IsMapEntry(), "map entry"))
		for field := range all(message.Fields()) {
			f.field(field)
		}
		for oneof := range all(message.Oneofs()) {
			f.add("oneof", oneof, mark(oneof.IsSynthetic(), "synthetic"))
		}
		f.enums(message.Enums())
		f.messages(message.Messages())
	}
}

func (f Facts) field(field protoreflect.FieldDescriptor) {
	fact := fmt.Sprintf("%d %s %s", field.Number(), field.Cardinality(), field.Kind())
	if message := field.Message(); message != nil {
		fact += " " + string(message.FullName())
	}
	if enum := field.Enum(); enum != nil {
		fact += " " + string(enum.FullName())
	}
	if oneof := field.ContainingOneof(); oneof != nil {
		fact += " in " + string(oneof.Name())
	}
	fact += mark(field.HasPresence(), " with presence") + mark(field.IsPacked(), " packed")
	f.add("field", field, fact)
}

func deprecated(d protoreflect.Descriptor) bool {
	switch options := d.Options().(type) {
	case *descriptorpb.MessageOptions:
		return options.GetDeprecated()
	case *descriptorpb.FieldOptions:
		return options.GetDeprecated()
	case *descriptorpb.EnumOptions:
		return options.GetDeprecated()
	case *descriptorpb.EnumValueOptions:
		return options.GetDeprecated()
	case *descriptorpb.ServiceOptions:
		return options.GetDeprecated()
	case *descriptorpb.MethodOptions:
		return options.GetDeprecated()
	}
	return false
}

func mark(set bool, text string) string {
	if set {
		return text
	}
	return ""
}

// all ranges over one of protoreflect's lists.
func all[T any](list interface {
	Len() int
	Get(int) T
}) func(func(T) bool) {
	return func(yield func(T) bool) {
		for i := 0; i < list.Len() && yield(list.Get(i)); i++ {
		}
	}
}
