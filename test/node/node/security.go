package main

import (
	"fmt"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
)

var security = []scenario{
	{name: "security/users and groups", run: users},
	{name: "security/runAsNonRoot", run: nonRoot},
	{name: "security/fsGroup", run: fsGroup},
	{name: "security/supplemental groups policies", run: supplementalGroups},
	{name: "security/capabilities", run: capabilities},
	{name: "security/privileged", run: privileged},
	{name: "security/no_new_privs", run: noNewPrivileges},
	{name: "security/read-only root", run: readOnlyRoot},
	{name: "security/seccomp", run: seccomp},
	{name: "security/sysctls", run: sysctls},
	{name: "security/sysctl not allowed", run: sysctlForbidden},
	{name: "security/procMount", run: procMount},
	{name: "security/hostPID", run: hostPID},
	{name: "security/hostIPC", run: hostIPC},
	{name: "security/shareProcessNamespace", run: shareProcesses},
	{name: "security/hostUsers: false", run: hostUsers},
}

func number(n int64) *int64 { return &n }
func yes() *bool            { return boolean(true) }
func no() *bool             { return boolean(false) }
func boolean(b bool) *bool  { return &b }

// as gives the container a security context.
func as(c v1.Container, context v1.SecurityContext) v1.Container {
	c.SecurityContext = &context
	return c
}

func users(s *S) {
	p := pod("users", as(idle("uid"), v1.SecurityContext{RunAsUser: number(1000)}),
		as(idle("both"), v1.SecurityContext{RunAsUser: number(1001), RunAsGroup: number(2001)}), idle("pods"), idle("image"))
	p.Spec.Containers[3].Image = "gcr.io/k8s-staging-cri-tools/test-image-user-username-group:latest"
	started := s.Start(p)
	started.Ready()
	Equal(s, "uid", started.Sh("uid", "id -u; id -g"), "1000\n0")
	Equal(s, "uid and gid", started.Sh("both", "id -u; id -g"), "1001\n2001")
	Equal(s, "nothing said", started.Sh("pods", "id -u; id -g"), "0\n0")
	// The image says www-data:1004. The kubelet asks for the name alone, whose group is that of the image's /etc/passwd.
	Equal(s, "the image's", started.Sh("image", "id -u; id -g"), "33\n33")
	s.Matches("seen from the node", started.proc("both", "status"), `(?m)^Uid:\s+1001\s+1001\s+1001\s+1001$`)
}

func nonRoot(s *S) {
	p := pod("nonroot", as(idle("root"), v1.SecurityContext{RunAsNonRoot: yes()}),
		as(idle("user"), v1.SecurityContext{RunAsNonRoot: yes(), RunAsUser: number(1000)}), as(idle("image"), v1.SecurityContext{RunAsNonRoot: yes()}))
	p.Spec.Containers[2].Image = "gcr.io/k8s-staging-cri-tools/test-image-user-uid:latest"
	now := s.Start(p).Until("two run", func(p *v1.Pod) bool {
		return status(p, "user").State.Running != nil && status(p, "image").State.Running != nil && status(p, "root").State.Waiting != nil &&
			status(p, "root").State.Waiting.Reason != "ContainerCreating"
	})
	s.Matches("root", describeState(status(now, "root")), "^CreateContainerConfigError .*will run as root")
}

func fsGroup(s *S) {
	p := pod("fsgroup", as(idle("main"), v1.SecurityContext{RunAsUser: number(1000)}))
	p.Spec.SecurityContext = &v1.PodSecurityContext{FSGroup: number(3000), SupplementalGroups: []int64{3001}}
	mount(p, volume("dir", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}), "/dir")
	started := s.Start(p)
	started.Ready()
	Equal(s, "groups", started.Run("main", "id", "-G"), "0 3000 3001")
	Equal(s, "of what it writes", started.Sh("main", "touch /dir/file; stat -c '%u %g' /dir/file"), "1000 3000")
}

func supplementalGroups(s *S) {
	one := func(name string, policy v1.SupplementalGroupsPolicy) *Pod {
		p := pod(name, idle("main"))
		p.Spec.Containers[0].Image = "gcr.io/k8s-staging-cri-tools/test-image-predefined-group:latest"
		p.Spec.SecurityContext = &v1.PodSecurityContext{RunAsUser: number(1000), RunAsGroup: number(1000), SupplementalGroups: []int64{4000},
			SupplementalGroupsPolicy: &policy}
		return s.Start(p)
	}
	merge, strict := one("groupsmerge", v1.SupplementalGroupsPolicyMerge), one("groupsstrict", v1.SupplementalGroupsPolicyStrict)
	merge.Ready()
	strict.Ready()
	Equal(s, "Merge", merge.Run("main", "id", "-G"), "1000 4000 50000")
	Equal(s, "Strict", strict.Run("main", "id", "-G"), "1000 4000")
	user := status(strict.Now(), "main").User
	if user == nil || user.Linux == nil {
		s.Fail("the kubelet knows no user of the container")
	}
	s.Matches("told", fmt.Sprint(user.Linux.UID, user.Linux.GID, user.Linux.SupplementalGroups), `^1000 1000 \[1000 4000\]$|^1000 1000 \[4000\]$`)
}

// effective capabilities, as the kernel prints them.
func (p *Pod) capabilities(container string) string {
	for line := range strings.Lines(p.proc(container, "status")) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			return strings.TrimSpace(hex)
		}
	}
	return ""
}

func capabilities(s *S) {
	with := func(name string, add, drop []v1.Capability) v1.Container {
		return as(idle(name), v1.SecurityContext{Capabilities: &v1.Capabilities{Add: add, Drop: drop}})
	}
	p := s.Start(pod("capabilities", idle("default"), with("none", nil, []v1.Capability{"ALL"}),
		with("one", []v1.Capability{"NET_BIND_SERVICE"}, []v1.Capability{"ALL"}), with("admin", []v1.Capability{"NET_ADMIN"}, nil), with("all", []v1.Capability{"ALL"}, nil)))
	p.Ready()
	Equal(s, "default", p.capabilities("default"), "00000000a80425fb")
	Equal(s, "drop ALL", p.capabilities("none"), "0000000000000000")
	Equal(s, "drop ALL, add NET_BIND_SERVICE", p.capabilities("one"), "0000000000000400")
	Equal(s, "add NET_ADMIN", p.capabilities("admin"), "00000000a80435fb")
	own, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cradled.pid()))
	s.Want(strings.Contains(string(own), "CapEff:\t"+p.capabilities("all")), "add ALL: %s, as cradled itself", p.capabilities("all"))
	_, code := p.Try("none", "chown", "1", "/tmp")
	s.Want(code != 0, "chown without CAP_CHOWN is refused")
}

func privileged(s *S) {
	p := s.Start(pod("privileged", as(idle("main"), v1.SecurityContext{Privileged: yes()}), idle("other")))
	p.Ready()
	p.Sh("main", "mkdir /m; mount -t tmpfs tmpfs /m")
	_, code := p.Try("other", "sh", "-c", "mkdir /m; mount -t tmpfs tmpfs /m")
	s.Want(code != 0, "the other can't mount")
	s.Matches("devices", p.Run("main", "ls", "/dev"), `(?m)^kmsg$`)
	s.Matches("/sys", p.Sh("main", "grep ' /sys ' /proc/mounts"), `^sysfs /sys sysfs rw,`)
	s.Matches("the other's /sys", p.Sh("other", "grep ' /sys ' /proc/mounts"), `^sysfs /sys sysfs ro,`)
	s.Matches("seccomp", p.proc("main", "status"), `(?m)^Seccomp:\s+0$`)
}

func noNewPrivileges(s *S) {
	p := s.Start(pod("nonewprivs", as(idle("off"), v1.SecurityContext{AllowPrivilegeEscalation: no()}), idle("on")))
	p.Ready()
	s.Matches("off", p.proc("off", "status"), `(?m)^NoNewPrivs:\s+1$`)
	s.Matches("on", p.proc("on", "status"), `(?m)^NoNewPrivs:\s+0$`)
	s.Matches("an exec's", p.Run("off", "grep", "NoNewPrivs", "/proc/self/status"), `1$`)
}

func readOnlyRoot(s *S) {
	p := pod("readonlyroot", as(idle("main"), v1.SecurityContext{ReadOnlyRootFilesystem: yes()}))
	mount(p, volume("dir", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}), "/dir")
	started := s.Start(p)
	started.Ready()
	_, code := started.Try("main", "touch", "/file")
	s.Want(code != 0, "the root can't be written")
	started.Sh("main", "touch /dir/file /dev/shm/file; echo x > /etc/hosts; echo x > /dev/termination-log")
}

func seccomp(s *S) {
	profile := `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]}`
	s.Must(os.WriteFile("/var/lib/kubelet/seccomp/nomkdir.json", []byte(profile), 0o644))
	local := "nomkdir.json"
	with := func(name string, profile v1.SeccompProfile) v1.Container {
		return as(idle(name), v1.SecurityContext{SeccompProfile: &profile})
	}
	missing := "no/such.json"
	p := s.Start(pod("seccomp", with("default", v1.SeccompProfile{Type: v1.SeccompProfileTypeRuntimeDefault}),
		with("local", v1.SeccompProfile{Type: v1.SeccompProfileTypeLocalhost, LocalhostProfile: &local}),
		with("unconfined", v1.SeccompProfile{Type: v1.SeccompProfileTypeUnconfined}),
		with("missing", v1.SeccompProfile{Type: v1.SeccompProfileTypeLocalhost, LocalhostProfile: &missing})))
	now := p.Until("three run", func(p *v1.Pod) bool {
		waits := status(p, "missing").State.Waiting
		return status(p, "default").State.Running != nil && status(p, "local").State.Running != nil && status(p, "unconfined").State.Running != nil &&
			waits != nil && waits.Reason != "ContainerCreating"
	})
	s.Matches("RuntimeDefault", p.proc("default", "status"), `(?m)^Seccomp:\s+2$`)
	s.Matches("Localhost", p.proc("local", "status"), `(?m)^Seccomp:\s+2$`)
	s.Matches("Unconfined", p.proc("unconfined", "status"), `(?m)^Seccomp:\s+0$`)
	out, code := p.Try("local", "mkdir", "/made")
	s.Want(code != 0 && strings.Contains(out, "Permission denied"), "its profile forbids mkdir: %s", out)
	p.Run("default", "mkdir", "/made")
	_, code = p.Try("default", "unshare", "-U", "true")
	s.Want(code != 0, "the default profile forbids unshare")
	s.Matches("missing", describeState(status(now, "missing")), `no/such\.json`)
}

func sysctls(s *S) {
	p := pod("sysctls", idle("main"))
	p.Spec.SecurityContext = &v1.PodSecurityContext{Sysctls: []v1.Sysctl{{Name: "kernel.shm_rmid_forced", Value: "1"},
		{Name: "net.ipv4.ip_local_port_range", Value: "2000 3000"}, {Name: "net.core.somaxconn", Value: "321"}, {Name: "kernel.msgmax", Value: "9999"}}}
	started := s.Start(p)
	started.Ready()
	Equal(s, "in the pod", started.Sh("main", "cd /proc/sys; cat kernel/shm_rmid_forced net/ipv4/ip_local_port_range net/core/somaxconn kernel/msgmax | tr '\\n\\t' ', '"),
		"1,2000 3000,321,9999,")
	text, _ := os.ReadFile("/proc/sys/kernel/msgmax")
	s.Want(strings.TrimSpace(string(text)) != "9999", "the node's kernel.msgmax is %s", strings.TrimSpace(string(text)))
}

func sysctlForbidden(s *S) {
	p := pod("sysctlforbidden", idle("main"))
	p.Spec.SecurityContext = &v1.PodSecurityContext{Sysctls: []v1.Sysctl{{Name: "kernel.sem", Value: "1 2 3 4"}}}
	now := s.Start(p).Phase(v1.PodFailed)
	Equal(s, "reason", now.Status.Reason, "SysctlForbidden")
}

func procMount(s *S) {
	unmasked := v1.UnmaskedProcMount
	p := pod("procmount", idle("default"))
	started := s.Start(p)
	started.Ready()
	masked := func(p *Pod, container string) string {
		return p.Sh(container, `awk '$2 ~ "^/proc/(kcore|keys|timer_list|scsi|sys|bus|irq)$" {print $2}' /proc/mounts | sort | tr '\n' ' '`)
	}
	s.Matches("masked and read-only by default", masked(started, "default"), "/proc/bus.*/proc/sys")
	q := pod("procunmasked", as(idle("main"), v1.SecurityContext{ProcMount: &unmasked}))
	q.Spec.HostUsers = no() // the API server wants that
	other := s.Start(q)
	other.Ready()
	Equal(s, "Unmasked", masked(other, "main"), "")
}

func hostPID(s *S) {
	p := pod("hostpid", idle("main"))
	p.Spec.HostPID = true
	started := s.Start(p)
	started.Ready()
	own, _ := os.Readlink("/proc/self/ns/pid")
	Equal(s, "pid namespace", started.Run("main", "readlink", "/proc/self/ns/pid"), own)
	s.Matches("it sees the kubelet", started.Run("main", "ps", "-o", "args"), "(?m)/kubelet ")
}

func hostIPC(s *S) {
	p := pod("hostipc", idle("main"))
	p.Spec.HostIPC = true
	started := s.Start(p)
	started.Ready()
	own, _ := os.Readlink("/proc/self/ns/ipc")
	Equal(s, "ipc namespace", started.Run("main", "readlink", "/proc/self/ns/ipc"), own)
	other := s.Start(pod("ownipc", idle("one"), idle("two")))
	other.Ready()
	ipc := other.Run("one", "readlink", "/proc/self/ns/ipc")
	s.Want(ipc != own, "a pod's own: %s", ipc)
	Equal(s, "shared in the pod", other.Run("two", "readlink", "/proc/self/ns/ipc"), ipc)
}

func shareProcesses(s *S) {
	p := pod("sharepid", idle("one"), sh("two", "exec sleep 1234567"))
	p.Spec.ShareProcessNamespace = yes()
	started := s.Start(p)
	started.Ready()
	s.Matches("one sees two", started.Run("one", "ps", "-o", "pid,args"), "(?m)sleep 1234567")
	s.Matches("PID 1", started.Run("one", "cat", "/proc/1/comm"), "pause")
	alone := s.Start(pod("ownpid", idle("one"), idle("two")))
	alone.Ready()
	s.Matches("PID 1 of a container by itself", alone.Run("one", "cat", "/proc/1/comm"), "^sh$")
}

func hostUsers(s *S) {
	p := pod("hostusers", idle("main"))
	p.Spec.HostUsers = no()
	mount(p, volume("dir", v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}), "/dir")
	started := s.Start(p)
	started.Ready()
	Equal(s, "inside it is", started.Run("main", "id", "-u"), "0")
	own, _ := os.Readlink("/proc/self/ns/user")
	s.Want(started.Run("main", "readlink", "/proc/self/ns/user") != own, "it has a user namespace")
	s.Matches("the map", started.Run("main", "cat", "/proc/self/uid_map"), `^\s*0\s+[1-9][0-9]+\s+65536$`)
	s.Matches("seen from the node", started.proc("main", "status"), `(?m)^Uid:\s+[1-9][0-9]{4,}\s`)
	Equal(s, "a volume's files", started.Sh("main", "touch /dir/file; stat -c %u /dir/file"), "0")
}
