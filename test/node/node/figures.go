package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

var figures = []scenario{
	{name: "figures/summary", run: summaryFigures},
	{name: "figures/cadvisor", run: cadvisorFigures},
	{name: "figures/resource", run: resourceFigures},
	{name: "figures/probes", run: probeFigures},
	{name: "figures/default gates", run: defaultGates, alone: true},
}

// summary is what /stats/summary says of the pod; nil when it says nothing.
func (p *Pod) summary() *stats.PodStats {
	var all stats.Summary
	text, err := get(readOnly + "/stats/summary")
	if err != nil || json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	for i := range all.Pods {
		if all.Pods[i].PodRef.Name == p.Name+"-"+nodeName {
			return &all.Pods[i]
		}
	}
	return nil
}

// busy uses a little of everything, all the time.
func busy(name string) v1.Container {
	return wanting(sh(name, "while :; do dd if=/dev/zero of=/file bs=1k count=64 2>/dev/null; echo a line; ping -c 1 -W 1 10.85.0.1 >/dev/null; sleep 0.1; done"),
		"memory 8Mi cpu 10m", "memory 64Mi cpu 1")
}

// missing lists what the pod's summary lacks.
func missing(pod *stats.PodStats) (list []string) {
	want := func(what string, there bool) {
		if !there {
			list = append(list, what)
		}
	}
	if pod == nil {
		return []string{"the pod"}
	}
	positive := func(n *uint64) bool { return n != nil && *n > 0 }
	want("pod cpu", pod.CPU != nil && positive(pod.CPU.UsageCoreNanoSeconds))
	want("pod cpu rate", pod.CPU != nil && positive(pod.CPU.UsageNanoCores))
	want("pod memory", pod.Memory != nil && positive(pod.Memory.WorkingSetBytes))
	want("pod network", pod.Network != nil && pod.Network.Name == "eth0" && positive(pod.Network.TxBytes) && positive(pod.Network.RxBytes))
	want("pod processes", pod.ProcessStats != nil && positive(pod.ProcessStats.ProcessCount))
	want("pod ephemeral storage", pod.EphemeralStorage != nil && positive(pod.EphemeralStorage.UsedBytes))
	if len(pod.Containers) == 0 {
		return append(list, "containers")
	}
	c := pod.Containers[0]
	want("container cpu", c.CPU != nil && positive(c.CPU.UsageCoreNanoSeconds))
	want("container cpu rate", c.CPU != nil && positive(c.CPU.UsageNanoCores))
	want("container memory", c.Memory != nil && positive(c.Memory.WorkingSetBytes) && positive(c.Memory.UsageBytes))
	want("container memory available", c.Memory != nil && positive(c.Memory.AvailableBytes) && *c.Memory.AvailableBytes < 64<<20)
	want("container rss", c.Memory != nil && c.Memory.RSSBytes != nil)
	want("container page faults", c.Memory != nil && positive(c.Memory.PageFaults))
	want("container rootfs", c.Rootfs != nil && positive(c.Rootfs.UsedBytes) && positive(c.Rootfs.CapacityBytes) && positive(c.Rootfs.InodesUsed))
	want("container logs", c.Logs != nil && positive(c.Logs.UsedBytes))
	want("container start time", !c.StartTime.IsZero())
	return list
}

func (p *Pod) summaryComplete() {
	p.s.Until("what the summary lacks", func() (string, bool) {
		list := missing(p.summary())
		return strings.Join(list, ", "), len(list) == 0
	})
	text, _ := json.Marshal(p.summary())
	p.s.Say("%.600s", text)
}

func summaryFigures(s *S) {
	p := s.Start(pod("summary", busy("main")))
	p.Ready()
	p.summaryComplete()
	var all stats.Summary
	text, err := get(readOnly + "/stats/summary")
	s.Must(err)
	s.Must(json.Unmarshal([]byte(text), &all))
	node := all.Node
	s.Want(node.Runtime != nil && node.Runtime.ImageFs != nil && node.Runtime.ImageFs.CapacityBytes != nil && *node.Runtime.ImageFs.CapacityBytes > 0,
		"the image file system's capacity is known")
	s.Want(node.CPU != nil && node.Memory != nil && node.Fs != nil, "the node's own figures are there")
}

// cadvisorNames are those of cAdvisor that a container has on any machine.
var cadvisorNames = strings.Fields(`
container_cpu_usage_seconds_total container_cpu_user_seconds_total container_cpu_system_seconds_total
container_cpu_cfs_periods_total container_cpu_cfs_throttled_periods_total container_cpu_cfs_throttled_seconds_total
container_memory_usage_bytes container_memory_working_set_bytes container_memory_rss container_memory_cache
container_memory_failcnt container_memory_max_usage_bytes container_memory_failures_total container_memory_mapped_file
container_fs_usage_bytes container_fs_limit_bytes
container_processes container_threads container_file_descriptors container_sockets
container_spec_cpu_period container_spec_cpu_shares container_spec_cpu_quota container_spec_memory_limit_bytes
container_start_time_seconds container_last_seen container_oom_events_total`)

var cadvisorNetwork = strings.Fields(`
container_network_receive_bytes_total container_network_receive_packets_total container_network_receive_errors_total
container_network_receive_packets_dropped_total container_network_transmit_bytes_total container_network_transmit_packets_total
container_network_transmit_errors_total container_network_transmit_packets_dropped_total`)

// cadvisorLacks lists the names without a sample of this container, or of this pod's network.
func (p *Pod) cadvisorLacks(container string) []string {
	pod := fmt.Sprintf("pod=%q", p.Name+"-"+nodeName)
	return append(namesWithout(cadvisorNames, pod, fmt.Sprintf("container=%q", container), `namespace="default"`, `image="`, `id="`, `name="`),
		namesWithout(cadvisorNetwork, pod, `namespace="default"`, `interface="eth0"`)...)
}

// namesWithout lists those without a sample in /metrics/cadvisor that has all these labels.
func namesWithout(names []string, labels ...string) []string {
	text, err := get(readOnly + "/metrics/cadvisor")
	if err != nil {
		return []string{err.Error()}
	}
	found := map[string]bool{}
	for line := range strings.Lines(text) {
		if name, rest, ok := strings.Cut(line, "{"); ok && !slices.ContainsFunc(labels, func(label string) bool { return !strings.Contains(rest, label) }) {
			found[name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return found[name] })
}

func cadvisorFigures(s *S) {
	p := s.Start(pod("cadvisor", busy("main")))
	p.Ready()
	s.Until("what /metrics/cadvisor lacks", func() (string, bool) {
		list := p.cadvisorLacks("main")
		return strings.Join(list, " "), len(list) == 0
	})
}

func resourceFigures(s *S) {
	p := s.Start(pod("resource", busy("main")))
	p.Ready()
	labels := fmt.Sprintf(`{container="main",namespace="default",pod="%s-%s"}`, p.Name, nodeName)
	podLabels := fmt.Sprintf(`{namespace="default",pod="%s-%s"}`, p.Name, nodeName)
	s.Until("all figures", func() (string, bool) {
		text, err := get(readOnly + "/metrics/resource")
		if err != nil {
			return err.Error(), false
		}
		for _, begin := range []string{"container_cpu_usage_seconds_total" + labels, "container_memory_working_set_bytes" + labels,
			"container_start_time_seconds" + labels, "pod_cpu_usage_seconds_total" + podLabels, "pod_memory_working_set_bytes" + podLabels,
			"node_cpu_usage_seconds_total", "node_memory_working_set_bytes"} {
			value, ok := metric(text, begin)
			number, err := strconv.ParseFloat(strings.Fields(value + " 0")[0], 64)
			if !ok || err != nil || number <= 0 {
				return begin + " is missing: " + value, false
			}
		}
		failed, _ := metric(text, "resource_scrape_error")
		return "there; scrape error " + failed, failed == "0"
	})
}

func probeFigures(s *S) {
	c := idle("main")
	c.ReadinessProbe = probe(v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"true"}}})
	p := s.Start(pod("probed", c))
	p.Ready()
	s.Until("successful probes", func() (string, bool) {
		text, _ := get(readOnly + "/metrics/probes")
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "prober_probe_total{") && strings.Contains(line, `pod="probed-`) && strings.Contains(line, `result="successful"`) {
				return strings.TrimSpace(line), true
			}
		}
		return "none", false
	})
}

// With the kubelet's default gates the figures come from cAdvisor, which knows only other runtimes' sockets. What is
// missing then stands in docs/kubelet.md; all else must be there.
func defaultGates(s *S) {
	s.Kubelet(gates(map[string]bool{"PodAndContainerStatsFromCRI": false}))
	p := s.Start(pod("gates", busy("main")))
	p.Ready()
	s.Until("what the summary lacks", func() (string, bool) {
		list := strings.Join(missing(p.summary()), ", ")
		return list, list == "pod network, pod processes"
	})
	Equal(s, "names with the container's labels in /metrics/cadvisor", len(cadvisorNames)+len(cadvisorNetwork)-len(p.cadvisorLacks("main")), 0)
	for what, labels := range map[string][]string{
		"with its cgroup for id": {p.container("main") + `"`, `container=""`, `pod=""`},
		"with the pod's labels":  {`namespace="default",pod="gates-node"`, `container=""`},
	} {
		s.Until(what+" /metrics/cadvisor lacks", func() (string, bool) {
			list := strings.Join(namesWithout(slices.Concat(cadvisorNames, cadvisorNetwork), labels...), " ")
			return list, list == "container_fs_usage_bytes container_fs_limit_bytes "+strings.Join(cadvisorNetwork, " ")
		})
	}
}
