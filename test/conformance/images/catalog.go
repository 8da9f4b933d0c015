package main

import (
	"runtime"
	"strings"
)

// named is an image with all the references that mean it.
type named struct {
	image
	references []string
}

const (
	e2e     = "registry.k8s.io/e2e-test-images/"
	staging = "gcr.io/k8s-staging-cri-tools/"
	library = "public.ecr.aws/docker/library/busybox:" // benchmarks only
)

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`

const group = `root:x:0:
daemon:x:1:
www-data:x:33:
nogroup:x:65534:
`

func catalog(p programs) []named {
	base := rootfs(p)
	// busybox is the base with a file of its own, so that no two images are the same.
	busybox := func(id string, more ...file) image {
		return image{ociTypes, [][]file{base, append(more, text("etc/image", id+"\n"))}, shell("")}
	}
	as := func(user string) image {
		img := busybox("user " + user)
		img.run = shell(user)
		return img
	}
	// server runs the web program under some name; the words stand in its command line.
	server := func(name string, words ...string) image {
		program := "/usr/sbin/" + name
		return image{dockerTypes, [][]file{base, {executable(program[1:], p.web)}},
			process{Env: environment, Cmd: append([]string{program}, words...)}}
	}
	one := func(img image, references ...string) named { return named{img, references} }

	return append([]named{
		one(image{dockerTypes, [][]file{base}, shell("")}, e2e+"busybox:1.29-2"),
		one(server("nginx", "80", "master process"), e2e+"nginx:1.14-2"),
		one(server("httpd", "80"), e2e+"httpd:2.4.39-4"),
		one(server("hostnet-nginx", "12003"), staging+"hostnet-nginx-"+runtime.GOARCH+":latest"),
		one(image{dockerTypes, [][]file{{{name: "nnp", mode: 0o4755, data: p.nonewprivs}}},
			process{Entrypoint: []string{"/nnp"}}}, e2e+"nonewprivs:1.3"),
		one(image{dockerTypes, [][]file{{executable("pause", p.pause)}},
			process{Entrypoint: []string{"/pause"}}}, "registry.k8s.io/pause:3.9", "k8s.gcr.io/pause:3.9"),

		one(as("1002"), staging+"test-image-user-uid:latest"),
		one(as("www-data"), staging+"test-image-user-username:latest"),
		one(as("1003:1004"), staging+"test-image-user-uid-group:latest"),
		one(as("www-data:1004"), staging+"test-image-user-username-group:latest"),
		one(predefinedGroup(busybox("predefined group")), staging+"test-image-predefined-group:latest"),
		one(busybox("latest", text("test-image-latest", "")), staging+"test-image-latest:latest"),
		one(busybox("tag"), staging+"test-image-tag:test", staging+"test-image-tag:all"),
		one(busybox("1"), staging+"test-image-1:latest"),
		one(busybox("2"), staging+"test-image-2:latest"),
		one(busybox("3"), staging+"test-image-3:latest"),
		one(busybox("tags"), staging+"test-image-tags:1", staging+"test-image-tags:2", staging+"test-image-tags:3"),
	}, benchmarks(busybox)...)
}

// rootfs is busybox with a hard link for each applet: a mount over /bin/ls hides ls alone.
func rootfs(p programs) []file {
	files := []file{executable("bin/busybox", p.busybox)}
	for _, applet := range p.applets {
		if applet != "busybox" {
			files = append(files, file{name: "bin/" + applet, mode: 0o755, link: "bin/busybox"})
		}
	}
	for _, dir := range strings.Fields("dev proc sys etc home usr/bin usr/sbin var/log var/run var/www mnt") {
		files = append(files, file{name: dir + "/", mode: 0o755})
	}
	return append(files, file{name: "root/", mode: 0o700}, file{name: "tmp/", mode: 0o1777},
		file{name: "var/tmp/", mode: 0o1777}, text("etc/passwd", passwd), text("etc/group", group))
}

// predefinedGroup has a user that /etc/group puts into a second group.
func predefinedGroup(img image) image {
	img.run = shell("1000")
	img.layers = append(img.layers, []file{
		text("etc/passwd", passwd+"default-user:x:1000:1000::/home:/bin/sh\n"),
		text("etc/group", group+"default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n")})
	return img
}

func benchmarks(busybox func(string, ...file) image) (out []named) {
	for _, tag := range strings.Fields("1 1-glibc 1-musl 1-uclibc 1.35.0-glibc") {
		out = append(out, named{busybox("benchmark " + tag), []string{library + tag}})
	}
	return out
}

var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

func shell(user string) process {
	return process{User: user, Env: environment, Cmd: []string{"sh"}}
}

func text(name, content string) file {
	return file{name: name, mode: 0o644, data: []byte(content)}
}

func executable(name string, data []byte) file {
	return file{name: name, mode: 0o755, data: data}
}
