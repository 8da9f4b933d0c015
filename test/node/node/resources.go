package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

var resources = []scenario{
	{name: "resources/Guaranteed", run: guaranteed},
	{name: "resources/Burstable", run: burstable},
	{name: "resources/BestEffort", run: bestEffort},
	{name: "resources/OOM of a child", run: oomOfChild},
	{name: "resources/OOM again and again", run: oomRepeated},
	{name: "resources/hugepages", run: hugepages},
	{name: "resources/ephemeral storage", run: ephemeralStorage},
}

// amounts is "cpu 100m memory 64Mi" as a list.
func amounts(text string) v1.ResourceList {
	list := v1.ResourceList{}
	words := strings.Fields(text)
	for i := 0; i+1 < len(words); i += 2 {
		list[v1.ResourceName(words[i])] = resource.MustParse(words[i+1])
	}
	return list
}

func wanting(c v1.Container, requests, limits string) v1.Container {
	c.Resources = v1.ResourceRequirements{Requests: amounts(requests), Limits: amounts(limits)}
	return c
}

// group is where a container's cgroup is below each hierarchy: as its own process says, seen from the node.
func (p *Pod) group(container string) string {
	found, _ := filepath.Glob("/sys/fs/cgroup/*" + cgroupRoot + "/kubepods/*/*/*" + p.container(container))
	more, _ := filepath.Glob("/sys/fs/cgroup/*" + cgroupRoot + "/kubepods/*/*" + p.container(container))
	if found = append(found, more...); len(found) == 0 {
		p.s.Fail("no cgroup of %s", container)
	}
	_, below, _ := strings.Cut(found[0], cgroupRoot)
	return cgroupRoot + below
}

// value of a cgroup file of v1, or of v2 where the node has that.
func value(s *S, group, controller, v1file, v2file string) string {
	file := "/sys/fs/cgroup" + group + "/" + v2file
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		file = "/sys/fs/cgroup/" + controller + group + "/" + v1file
	}
	text, err := os.ReadFile(file)
	if err != nil {
		s.Wrong("%v", err)
	}
	return strings.TrimSpace(string(text))
}

// pid of the container's first process, seen from the node.
func (p *Pod) pid(container string) int {
	text := value(p.s, p.group(container), "pids", "cgroup.procs", "cgroup.procs")
	pid, err := strconv.Atoi(strings.Fields(text + " 0")[0])
	p.s.Must(err)
	return pid
}

func (p *Pod) proc(container, file string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.pid(container), file))
	p.s.Must(err)
	return strings.TrimSpace(string(text))
}

// checkLimits compares what the kernel holds with what the pod asked for; cpu shares in the units of v1.
func (p *Pod) checkLimits(container string, shares, quota, memory string) {
	group, s := p.group(container), p.s
	s.Say("%s is in %s", container, group)
	Equal(s, "cpu.shares", value(s, group, "cpu", "cpu.shares", "cpu.weight"), shares)
	Equal(s, "cpu quota", value(s, group, "cpu", "cpu.cfs_quota_us", "cpu.max"), quota)
	Equal(s, "memory limit", value(s, group, "memory", "memory.limit_in_bytes", "memory.max"), memory)
}

const noMemoryLimit = "9223372036854771712"

// podGroup is the kubelet's: it holds our groups and no process of its own.
func (p *Pod) checkPodGroup(container, shares, quota, memory string) {
	group, s := filepath.Dir(p.group(container)), p.s
	Equal(s, "pod's cpu.shares", value(s, group, "cpu", "cpu.shares", "cpu.weight"), shares)
	Equal(s, "pod's cpu quota", value(s, group, "cpu", "cpu.cfs_quota_us", "cpu.max"), quota)
	Equal(s, "pod's memory limit", value(s, group, "memory", "memory.limit_in_bytes", "memory.max"), memory)
	Equal(s, "pod's own processes", value(s, group, "memory", "cgroup.procs", "cgroup.procs"), "")
}

func guaranteed(s *S) {
	p := s.Start(pod("guaranteed", wanting(idle("main"), "cpu 200m memory 32Mi", "cpu 200m memory 32Mi")))
	Equal(s, "class", p.Ready().Status.QOSClass, v1.PodQOSGuaranteed)
	s.Matches("cgroup", p.group("main"), cgroupRoot+"/kubepods/pod[0-9a-f]{32}/[0-9a-f]{64}$")
	p.checkLimits("main", "204", "20000", "33554432")
	p.checkPodGroup("main", "204", "20000", "33554432")
	// The kubelet asks for -997. Without CAP_SYS_RESOURCE no one can have less than the runtime has itself.
	own, _ := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", cradled.pid()))
	want := "-997"
	if !mayLowerOOMScore() {
		want = strings.TrimSpace(string(own))
	}
	Equal(s, "oom_score_adj", p.proc("main", "oom_score_adj"), want)
}

func mayLowerOOMScore() bool {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if hex, ok := strings.CutPrefix(line, "CapEff:"); ok {
			bits, _ := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			return bits&(1<<24) != 0
		}
	}
	return false
}

func burstable(s *S) {
	p := s.Start(pod("burstable", wanting(idle("main"), "cpu 100m memory 16Mi", "cpu 500m memory 64Mi"), idle("other")))
	Equal(s, "class", p.Ready().Status.QOSClass, v1.PodQOSBurstable)
	s.Matches("cgroup", p.group("main"), cgroupRoot+"/kubepods/burstable/pod[0-9a-f]{32}/[0-9a-f]{64}$")
	p.checkLimits("main", "102", "50000", "67108864")
	p.checkLimits("other", "2", "-1", noMemoryLimit)
	p.checkPodGroup("main", "102", "-1", noMemoryLimit)
	s.Matches("oom_score_adj", p.proc("main", "oom_score_adj"), "^99[0-9]$")
}

func bestEffort(s *S) {
	p := s.Start(pod("besteffort", idle("main")))
	Equal(s, "class", p.Ready().Status.QOSClass, v1.PodQOSBestEffort)
	s.Matches("cgroup", p.group("main"), cgroupRoot+"/kubepods/besteffort/pod[0-9a-f]{32}/[0-9a-f]{64}$")
	p.checkLimits("main", "2", "-1", noMemoryLimit)
	p.checkPodGroup("main", "2", "-1", noMemoryLimit)
	Equal(s, "oom_score_adj", p.proc("main", "oom_score_adj"), "1000")
}

func oomOfChild(s *S) {
	p := withTool(pod("oomchild", wanting(sh("main", "/podtool eat 200; echo child ended with $?; exit 0"), "", "memory 24Mi")))
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	started := s.Start(p)
	now := started.Until("has ended", func(p *v1.Pod) bool { return status(p, "main").State.Terminated != nil })
	Equal(s, "main", describeState(status(now, "main")), "OOMKilled 0")
	s.Matches("log", started.logs("main", ""), "child ended with 137")
}

func oomRepeated(s *S) {
	p := s.Start(withTool(pod("oomagain", wanting(v1.Container{Name: "main", Image: busybox,
		Command: []string{"/podtool", "eat", "200"}}, "", "memory 24Mi"))))
	now := p.Until("is restarted twice", func(p *v1.Pod) bool { return status(p, "main").RestartCount >= 2 })
	Equal(s, "last reason", status(now, "main").LastTerminationState.Terminated.Reason, "OOMKilled")
}

func hugepages(s *S) {
	if _, err := os.Stat("/sys/kernel/mm/hugepages/hugepages-2048kB"); err != nil {
		s.Say("this kernel has no huge pages of 2 MiB")
		return
	}
	if _, err := os.Stat("/sys/fs/cgroup/hugetlb"); err != nil {
		s.Say("this machine has no hugetlb hierarchy")
		return
	}
	p := s.Start(pod("huge", wanting(idle("main"), "", "hugepages-2Mi 4Mi memory 32Mi cpu 100m")))
	p.Ready()
	Equal(s, "limit", value(s, p.group("main"), "hugetlb", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max"), "4194304")
}

func ephemeralStorage(s *S) {
	p := s.Start(pod("ephemeral", sh("main", "dd if=/dev/zero of=/big bs=1M count=8; echo written; "+endless)))
	p.Ready()
	s.Until("the written layer is told", func() (string, bool) {
		pod := p.summary()
		if pod == nil || len(pod.Containers) == 0 || pod.Containers[0].Rootfs == nil || pod.Containers[0].Rootfs.UsedBytes == nil {
			return "no figure", false
		}
		used := *pod.Containers[0].Rootfs.UsedBytes
		return fmt.Sprint(used, " bytes"), used >= 8<<20 && used < 12<<20
	})
	s.Until("the pod's total", func() (string, bool) {
		pod := p.summary()
		if pod == nil || pod.EphemeralStorage == nil || pod.EphemeralStorage.UsedBytes == nil {
			return "no figure", false
		}
		return fmt.Sprint(*pod.EphemeralStorage.UsedBytes, " bytes"), *pod.EphemeralStorage.UsedBytes >= 8<<20
	})
}
