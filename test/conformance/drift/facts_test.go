package drift

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	published "k8s.io/cri-api/pkg/apis/runtime/v1"
)

var criFile = published.File_staging_src_k8s_io_cri_api_pkg_apis_runtime_v1_api_proto

// ours is what protoc makes of api/cri/api.proto.
func ours(t *testing.T) *descriptorpb.FileDescriptorProto {
	t.Helper()
	out := filepath.Join(t.TempDir(), "api.pb")
	protoc := exec.Command("protoc", "-I", "../../../api", "--descriptor_set_out="+out, "cri/api.proto")
	if text, err := protoc.CombinedOutput(); err != nil {
		t.Fatalf("protoc: %v\n%s", err, text)
	}
	bytes, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(bytes, &set); err != nil {
		t.Fatal(err)
	}
	return set.File[0]
}

func open(t *testing.T, file *descriptorpb.FileDescriptorProto) protoreflect.FileDescriptor {
	t.Helper()
	fd, err := protodesc.NewFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func TestOurProtoIsThePublishedOne(t *testing.T) {
	want := Of(criFile)
	if len(want) < 800 {
		t.Fatalf("only %d facts: the published descriptors were not read", len(want))
	}
	for _, line := range Diff(want, Of(open(t, ours(t)))) {
		t.Error(line)
	}
}

func message(f *descriptorpb.FileDescriptorProto, name string) *descriptorpb.DescriptorProto {
	for _, m := range f.MessageType {
		if m.GetName() == name {
			return m
		}
	}
	panic("no message " + name)
}

func field(f *descriptorpb.FileDescriptorProto, in, name string) *descriptorpb.FieldDescriptorProto {
	for _, field := range message(f, in).Field {
		if field.GetName() == name {
			return field
		}
	}
	panic("no field " + in + "." + name)
}

// Each of these must be seen, or the test above proves nothing.
var mutations = map[string]func(*descriptorpb.FileDescriptorProto){
	"method missing": func(f *descriptorpb.FileDescriptorProto) {
		f.Service[0].Method = f.Service[0].Method[1:]
	},
	"method added": func(f *descriptorpb.FileDescriptorProto) {
		m := proto.Clone(f.Service[0].Method[0]).(*descriptorpb.MethodDescriptorProto)
		m.Name = proto.String("Extra")
		f.Service[0].Method = append(f.Service[0].Method, m)
	},
	"method streams": func(f *descriptorpb.FileDescriptorProto) {
		f.Service[0].Method[0].ServerStreaming = proto.Bool(true)
	},
	"method takes a stream": func(f *descriptorpb.FileDescriptorProto) {
		f.Service[0].Method[0].ClientStreaming = proto.Bool(true)
	},
	"method input": func(f *descriptorpb.FileDescriptorProto) {
		f.Service[0].Method[0].InputType = f.Service[0].Method[1].InputType
	},
	"method output": func(f *descriptorpb.FileDescriptorProto) {
		f.Service[0].Method[0].OutputType = f.Service[0].Method[1].OutputType
	},
	"service renamed": func(f *descriptorpb.FileDescriptorProto) {
		f.Service[1].Name = proto.String("Images")
	},
	"message missing": func(f *descriptorpb.FileDescriptorProto) {
		f.Service[0].Method = f.Service[0].Method[1:] // Version was its only user
		message(f, "VersionRequest").Name = proto.String("Other")
	},
	"message added": func(f *descriptorpb.FileDescriptorProto) {
		f.MessageType = append(f.MessageType, &descriptorpb.DescriptorProto{Name: proto.String("Extra")})
	},
	"field missing": func(f *descriptorpb.FileDescriptorProto) {
		m := message(f, "Mount")
		m.Field = m.Field[:len(m.Field)-1]
	},
	"field added": func(f *descriptorpb.FileDescriptorProto) {
		extra := proto.Clone(field(f, "Mount", "readonly")).(*descriptorpb.FieldDescriptorProto)
		extra.Name, extra.JsonName, extra.Number = proto.String("extra"), nil, proto.Int32(99)
		m := message(f, "Mount")
		m.Field = append(m.Field, extra)
	},
	"field name": func(f *descriptorpb.FileDescriptorProto) {
		field(f, "Mount", "uidMappings").Name = proto.String("uid_mappings")
	},
	"field number": func(f *descriptorpb.FileDescriptorProto) {
		field(f, "Mount", "readonly").Number = proto.Int32(77)
	},
	"field type": func(f *descriptorpb.FileDescriptorProto) {
		field(f, "KeyValue", "value").Type = descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum()
	},
	"field message": func(f *descriptorpb.FileDescriptorProto) {
		field(f, "CpuUsage", "usage_nano_cores").TypeName = proto.String(".runtime.v1.Int64Value")
	},
	"field enum": func(f *descriptorpb.FileDescriptorProto) {
		field(f, "ContainerConfig", "stop_signal").TypeName = proto.String(".runtime.v1.Protocol")
	},
	"field label": func(f *descriptorpb.FileDescriptorProto) {
		field(f, "Mount", "host_path").Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	},
	"field presence": func(f *descriptorpb.FileDescriptorProto) {
		message(f, "Mount").OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("_readonly")}}
		field(f, "Mount", "readonly").Proto3Optional = proto.Bool(true)
		field(f, "Mount", "readonly").OneofIndex = proto.Int32(0)
	},
	"field in a oneof": func(f *descriptorpb.FileDescriptorProto) {
		message(f, "Mount").OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("source")}}
		field(f, "Mount", "host_path").OneofIndex = proto.Int32(0)
	},
	"field packing": func(f *descriptorpb.FileDescriptorProto) {
		field(f, "PortForwardRequest", "port").Options = &descriptorpb.FieldOptions{Packed: proto.Bool(false)}
	},
	"field no longer deprecated": func(f *descriptorpb.FileDescriptorProto) {
		field(f, "LinuxContainerSecurityContext", "apparmor_profile").Options = nil
	},
	"map value": func(f *descriptorpb.FileDescriptorProto) {
		m := message(f, "PodSandboxConfig").NestedType[0]
		m.Field[1].Type = descriptorpb.FieldDescriptorProto_TYPE_BYTES.Enum()
	},
	"enum value number": func(f *descriptorpb.FileDescriptorProto) {
		f.EnumType[0].Value[1].Number = proto.Int32(55)
	},
	"enum value name": func(f *descriptorpb.FileDescriptorProto) {
		f.EnumType[0].Value[1].Name = proto.String("OTHER")
	},
	"enum value missing": func(f *descriptorpb.FileDescriptorProto) {
		f.EnumType[0].Value = f.EnumType[0].Value[:1]
	},
	"nested enum value": func(f *descriptorpb.FileDescriptorProto) {
		values := message(f, "SecurityProfile").EnumType[0].Value
		values[1].Name, values[2].Name = values[2].Name, values[1].Name
	},
}

func TestEveryMutationIsSeen(t *testing.T) {
	want := Of(criFile)
	for name, mutate := range mutations {
		t.Run(name, func(t *testing.T) {
			file := proto.Clone(ours(t)).(*descriptorpb.FileDescriptorProto)
			mutate(file)
			if diff := Diff(want, Of(open(t, file))); len(diff) == 0 {
				t.Error("not seen")
			} else {
				t.Log(diff[0])
			}
		})
	}
}
