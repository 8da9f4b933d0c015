package main

import (
	"os"
	"strings"
	"syscall"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

var files = []scenario{
	{name: "files/emptyDir", run: emptyDir},
	{name: "files/hostPath of all types", run: hostPath},
	{name: "files/hostPath of the wrong type", run: hostPathWrong},
	{name: "files/downward", run: downward},
	{name: "files/subPath", run: subPath},
	{name: "files/propagation", run: propagation},
	{name: "files/read-only", run: readOnlyMounts},
	{name: "files/image volume", run: imageVolume},
}

func volume(name string, source v1.VolumeSource) v1.Volume {
	return v1.Volume{Name: name, VolumeSource: source}
}

func hostPathVolume(name, path string, kind v1.HostPathType) v1.Volume {
	return volume(name, v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: path, Type: &kind}})
}

// into adds a mount to one container.
func into(c *v1.Container, mount v1.VolumeMount) { c.VolumeMounts = append(c.VolumeMounts, mount) }

// folder makes one on the node for the scenario, empty.
func (s *S) folder(name string) string {
	dir := shared + "/" + name
	s.Must(os.RemoveAll(dir))
	s.Must(os.MkdirAll(dir, 0o777))
	return dir
}

func emptyDir(s *S) {
	limit := resource.MustParse("1Mi")
	p := pod("emptydir", sh("one", "echo from one > /disk/file; "+endless), idle("two"))
	mount(p, volume("disk", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}), "/disk")
	mount(p, volume("memory", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{Medium: v1.StorageMediumMemory, SizeLimit: &limit}}), "/memory")
	started := s.Start(p)
	started.Ready()
	s.Until("shared", func() (string, bool) {
		out, _ := started.Try("two", "cat", "/disk/file")
		return out, out == "from one"
	})
	s.Matches("memory is a tmpfs of its size", started.Sh("two", "df -k /memory | tail -n 1"), `^tmpfs\s+1024\s`)
	out, code := started.Try("two", "dd", "if=/dev/zero", "of=/memory/file", "bs=1M", "count=2")
	s.Want(code != 0, "more than its size: %s", strings.ReplaceAll(out, "\n", ", "))
	s.Matches("mode", started.Run("two", "stat", "-c", "%a", "/disk"), "^777$")
}

func hostPath(s *S) {
	dir := s.folder("hostpath")
	s.Must(os.WriteFile(dir+"/file", []byte("from the node\n"), 0o644))
	socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	s.Must(err)
	defer syscall.Close(socket)
	os.Remove(dir + "/socket")
	s.Must(syscall.Bind(socket, &syscall.SockaddrUnix{Name: dir + "/socket"}))
	s.Must(syscall.Mknod(dir+"/block", syscall.S_IFBLK|0o600, 7<<8)) // major 7, minor 0: nobody opens it
	p := pod("hostpath", idle("main"))
	for _, one := range []struct {
		name, path string
		kind       v1.HostPathType
	}{
		{"any", dir, v1.HostPathUnset}, {"dir", dir, v1.HostPathDirectory}, {"newdir", dir + "/new/dir", v1.HostPathDirectoryOrCreate},
		{"file", dir + "/file", v1.HostPathFile}, {"newfile", dir + "/newfile", v1.HostPathFileOrCreate},
		{"socket", dir + "/socket", v1.HostPathSocket}, {"char", "/dev/zero", v1.HostPathCharDev}, {"block", dir + "/block", v1.HostPathBlockDev},
	} {
		mount(p, hostPathVolume(one.name, one.path, one.kind), "/"+one.name)
	}
	started := s.Start(p)
	started.Ready()
	Equal(s, "kinds", started.Sh("main", "for f in any dir newdir file newfile socket char block; do stat -c %F /$f; done | tr '\\n' ,"),
		"directory,directory,directory,regular file,regular empty file,socket,character special file,block special file,")
	Equal(s, "file", started.Run("main", "cat", "/file"), "from the node")
	started.Sh("main", "echo from the pod > /newfile; mkdir /dir/made")
	text, _ := os.ReadFile(dir + "/newfile")
	Equal(s, "written", strings.TrimSpace(string(text)), "from the pod")
}

func hostPathWrong(s *S) {
	dir := s.folder("hostpathwrong")
	p := pod("hostpathwrong", idle("main"))
	mount(p, hostPathVolume("file", dir, v1.HostPathFile), "/file")
	s.Start(p)
	s.Until("the kubelet refuses it", func() (string, bool) {
		log, _ := os.ReadFile(kubelet.logFile())
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, "hostPath type check failed") && strings.Contains(line, dir) {
				return strings.TrimSpace(line)[:60], true
			}
		}
		return "nothing in its log", false
	})
}

func downward(s *S) {
	yes := true
	c := sh("main", endless)
	c = wanting(c, "cpu 100m memory 16Mi", "cpu 200m memory 32Mi")
	field := func(name, path string) v1.EnvVar {
		return v1.EnvVar{Name: name, ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: path}}}
	}
	c.Env = []v1.EnvVar{field("POD", "metadata.name"), field("IP", "status.podIP"), field("NODE", "spec.nodeName"), {Name: "GREETING", Value: "hello $(POD)"}}
	p := pod("downward", c)
	p.Labels = map[string]string{"app": "downward"}
	p.Annotations = map[string]string{"note": "several words"}
	mount(p, volume("info", v1.VolumeSource{DownwardAPI: &v1.DownwardAPIVolumeSource{Items: []v1.DownwardAPIVolumeFile{
		{Path: "labels", FieldRef: &v1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
		{Path: "note", FieldRef: &v1.ObjectFieldSelector{FieldPath: "metadata.annotations['note']"}},
		{Path: "deep/limit", ResourceFieldRef: &v1.ResourceFieldSelector{ContainerName: "main", Resource: "limits.memory"}},
	}}}), "/info")
	p.Spec.EnableServiceLinks = &yes
	started := s.Start(p)
	now := started.Ready()
	Equal(s, "environment", started.Sh("main", "echo $POD $IP $NODE $GREETING"), "downward-node "+now.Status.PodIP+" node hello downward-node")
	Equal(s, "labels", started.Run("main", "cat", "/info/labels"), `app="downward"`)
	Equal(s, "limit", started.Run("main", "cat", "/info/deep/limit"), "33554432")
	Equal(s, "note", started.Run("main", "cat", "/info/note"), "several words")
}

func subPath(s *S) {
	c := idle("main")
	c.Env = []v1.EnvVar{{Name: "POD", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}
	into(&c, v1.VolumeMount{Name: "all", MountPath: "/all"})
	into(&c, v1.VolumeMount{Name: "all", MountPath: "/part", SubPath: "deep/part"})
	into(&c, v1.VolumeMount{Name: "all", MountPath: "/own", SubPathExpr: "logs/$(POD)"})
	into(&c, v1.VolumeMount{Name: "all", MountPath: "/etc/one.conf", SubPath: "one.conf"})
	p := pod("subpath", c)
	first := sh("first", "echo configured > /all/one.conf")
	into(&first, v1.VolumeMount{Name: "all", MountPath: "/all"})
	p.Spec.InitContainers = []v1.Container{first}
	p.Spec.Volumes = []v1.Volume{volume("all", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}})}
	started := s.Start(p)
	started.Ready()
	started.Sh("main", "echo a > /part/file; echo b > /own/file")
	Equal(s, "subPath", started.Run("main", "cat", "/all/deep/part/file"), "a")
	Equal(s, "subPathExpr", started.Run("main", "cat", "/all/logs/subpath-node/file"), "b")
	Equal(s, "subPath to a file", started.Run("main", "cat", "/etc/one.conf"), "configured")
	s.Matches("the rest of /etc", started.Run("main", "ls", "/etc"), "passwd")
}

func propagation(s *S) {
	dir := s.folder("propagation")
	s.Must(syscall.Mount(dir, dir, "", syscall.MS_BIND, "")) // a mount point of its own, shared as all of the node's
	s.Defer(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	one := func(name string, mode v1.MountPropagationMode) v1.Container {
		c := idle(name)
		into(&c, v1.VolumeMount{Name: "dir", MountPath: "/dir", MountPropagation: &mode})
		return c
	}
	yes := true
	p := pod("propagation", one("none", v1.MountPropagationNone), one("in", v1.MountPropagationHostToContainer), one("both", v1.MountPropagationBidirectional))
	p.Spec.Containers[2].SecurityContext = &v1.SecurityContext{Privileged: &yes}
	p.Spec.Volumes = []v1.Volume{hostPathVolume("dir", dir, v1.HostPathDirectory)}
	started := s.Start(p)
	started.Ready()
	s.folder("propagation/fromnode")
	s.folder("propagation/frompod")
	s.Must(syscall.Mount("tmpfs", dir+"/fromnode", "tmpfs", 0, "size=1m"))
	s.Defer(func() { syscall.Unmount(dir+"/fromnode", syscall.MNT_DETACH) })
	started.Run("both", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/dir/frompod")
	s.Defer(func() { syscall.Unmount(dir+"/frompod", syscall.MNT_DETACH) })
	sees := func(container string) string {
		return started.Sh(container, `awk '$2 ~ "^/dir/" {print $2}' /proc/mounts | sort | tr '\n' ' '`)
	}
	Equal(s, "None sees", sees("none"), "")
	Equal(s, "HostToContainer sees", sees("in"), "/dir/fromnode /dir/frompod")
	Equal(s, "Bidirectional sees", sees("both"), "/dir/fromnode /dir/frompod")
	mounts, _ := os.ReadFile("/proc/self/mounts")
	s.Want(strings.Contains(string(mounts), dir+"/frompod "), "the node sees what the pod mounted")
}

func readOnlyMounts(s *S) {
	dir := s.folder("readonly")
	s.folder("readonly/below")
	s.Must(syscall.Mount("tmpfs", dir+"/below", "tmpfs", 0, "size=1m"))
	s.Defer(func() { syscall.Unmount(dir+"/below", syscall.MNT_DETACH) })
	c := idle("main")
	into(&c, v1.VolumeMount{Name: "dir", MountPath: "/ro", ReadOnly: true})
	into(&c, v1.VolumeMount{Name: "dir", MountPath: "/rw"})
	p := pod("readonly", c)
	p.Spec.Volumes = []v1.Volume{hostPathVolume("dir", dir, v1.HostPathDirectory)}
	started := s.Start(p)
	started.Ready()
	out := started.Sh("main", "for d in ro ro/below rw; do if touch /$d/file 2>/dev/null; then echo $d: yes; else echo $d: no; fi; done | tr '\\n' ' '")
	Equal(s, "can be written", out, "ro: no ro/below: yes rw: yes")
}

func imageVolume(s *S) {
	image := func(name string) v1.Volume {
		return volume(name, v1.VolumeSource{Image: &v1.ImageVolumeSource{Reference: "registry.k8s.io/e2e-test-images/nginx:1.14-2", PullPolicy: v1.PullIfNotPresent}})
	}
	c := idle("main")
	into(&c, v1.VolumeMount{Name: "image", MountPath: "/image"})
	into(&c, v1.VolumeMount{Name: "image", MountPath: "/part", SubPath: "usr/sbin"})
	p := pod("imagevolume", c)
	p.Spec.Volumes = []v1.Volume{image("image")}
	started := s.Start(p)
	started.Ready()
	s.Matches("its files", started.Run("main", "ls", "/image"), "(?s)bin.*etc.*usr")
	Equal(s, "sub path", started.Run("main", "ls", "/part"), "nginx")
	_, code := started.Try("main", "touch", "/image/file")
	s.Want(code != 0, "it can't be written")
}
