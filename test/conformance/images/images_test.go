package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
)

var fake = programs{[]byte("busybox"), []byte("web"), []byte("nonewprivs"), []byte("pause"),
	[]string{"[", "busybox", "ls", "sh"}}

func TestSameProgramsGiveTheSameLayout(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	write(fake, a)
	write(fake, b)
	first, _ := os.ReadFile(filepath.Join(a, "index.json"))
	second, _ := os.ReadFile(filepath.Join(b, "index.json"))
	if len(first) == 0 || !bytes.Equal(first, second) {
		t.Errorf("two layouts of the same differ:\n%s\n%s", first, second)
	}
}

func TestEveryEntryOfTheCatalogIsAnImageOfItsOwn(t *testing.T) {
	out := newLayout(t.TempDir())
	names := map[string]bool{}
	digests := map[string]string{}
	for _, entry := range catalog(fake) {
		for _, reference := range entry.references {
			if names[reference] {
				t.Errorf("%s is there twice", reference)
			}
			names[reference] = true
		}
		digest := out.add(entry.image, platform{"amd64", "linux"}).Digest
		if other, ok := digests[digest]; ok {
			t.Errorf("%s and %s are one image", other, entry.references[0])
		}
		digests[digest] = entry.references[0]
	}
}

func TestLayerKeepsHardLinksSetuidAndParents(t *testing.T) {
	compressed, _ := layer(executable("bin/busybox", []byte("x")),
		file{name: "bin/ls", mode: 0o755, link: "bin/busybox"},
		file{name: "opt/a/nnp", mode: 0o4755, data: []byte("y")})
	zip, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for archive := tar.NewReader(zip); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, header.FileInfo().Mode().String()+" "+header.Name+" "+header.Linkname)
	}
	want := []string{"drwxr-xr-x bin/ ", "-rwxr-xr-x bin/busybox ", "-rwxr-xr-x bin/ls bin/busybox",
		"drwxr-xr-x opt/ ", "drwxr-xr-x opt/a/ ", "urwxr-xr-x opt/a/nnp "}
	if len(got) != len(want) {
		t.Fatalf("%q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}
