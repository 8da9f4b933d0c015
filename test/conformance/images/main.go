// images writes every image that critest pulls, as one OCI layout.
//
//	images PROGRAMS LAYOUT
//
// PROGRAMS holds busybox, web, nonewprivs and pause, all static. Each image is an index, in either
// Docker's or OCI's media types, named in the layout's index.json with its full reference.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: images PROGRAMS LAYOUT")
		os.Exit(2)
	}
	write(load(os.Args[1]), os.Args[2])
}

// programs are what the images are made from.
type programs struct {
	busybox, web, nonewprivs, pause []byte
	applets                         []string
}

func load(dir string) programs {
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, name))
		must(err)
		return data
	}
	list, err := exec.Command(filepath.Join(dir, "busybox"), "--list").Output()
	must(err)
	return programs{read("busybox"), read("web"), read("nonewprivs"), read("pause"),
		strings.Fields(string(list))}
}

func write(p programs, dir string) {
	out := newLayout(dir)
	for _, entry := range catalog(p) {
		descriptor := out.add(entry.image, platform{runtime.GOARCH, "linux"})
		for _, reference := range entry.references {
			out.name(descriptor, reference)
		}
	}
	out.close()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}
