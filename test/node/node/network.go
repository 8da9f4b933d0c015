package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

var network = []scenario{
	{name: "network/pods reach each other", run: reachEachOther},
	{name: "network/hostPort", run: hostPort},
	{name: "network/hostNetwork", run: hostNetwork},
	{name: "network/DNS", run: dns},
	{name: "network/hosts", run: hosts},
	{name: "network/names", run: names},
	{name: "network/addresses are freed", run: addressFreed},
}

const nodeAddress = "192.0.2.10"

// tool runs podtool on the node.
func tool(arguments ...string) string {
	out, err := exec.Command(shared+"/podtool", arguments...).CombinedOutput()
	if err != nil {
		return strings.TrimSpace(string(out)) + " (" + err.Error() + ")"
	}
	return strings.TrimSpace(string(out))
}

// Answer waits for a server's: it may just be starting.
func (s *S) Answer(what, begin string, arguments ...string) {
	s.Until(what, func() (string, bool) {
		got := tool(arguments...)
		return got, strings.HasPrefix(got, begin)
	})
}

func reachEachOther(s *S) {
	server := s.Start(withTool(pod("server", server("main", "-http", "8080", "-udp", "8081"))))
	client := s.Start(withTool(pod("client", idle("main"))))
	address := server.Ready().Status.PodIP
	from := client.Ready().Status.PodIP
	s.Until("http from pod to pod", func() (string, bool) {
		out, code := client.Try("main", "/podtool", "get", "http://"+address+":8080")
		return out, code == 0 && strings.HasPrefix(out, "well server-node "+from)
	})
	s.Until("udp from pod to pod", func() (string, bool) {
		out, _ := client.Try("main", "/podtool", "ask", "udp", address+":8081", "hello")
		return out, out == "server-node got hello"
	})
	s.Matches("http from the node", tool("get", "http://"+address+":8080"), "^well server-node")
	out, _ := client.Try("main", "/podtool", "ask", "tcp", "10.85.0.1:22", "x")
	s.Matches("the node from the pod", out, "refused")
}

func hostPort(s *S) {
	c := server("main", "-tcp", "80", "-udp", "81", "-http", "82")
	c.Ports = []v1.ContainerPort{
		{ContainerPort: 80, HostPort: 20080, Protocol: v1.ProtocolTCP},
		{ContainerPort: 81, HostPort: 20081, Protocol: v1.ProtocolUDP},
		{ContainerPort: 82, HostPort: 20082, HostIP: "127.0.0.1"},
	}
	p := s.Start(withTool(pod("hostport", c)))
	p.Ready()
	s.Answer("tcp", "hostport-node got hello", "ask", "tcp", nodeAddress+":20080", "hello")
	s.Answer("udp", "hostport-node got hello", "ask", "udp", nodeAddress+":20081", "hello")
	s.Answer("on loopback", "well hostport-node", "get", "http://127.0.0.1:20082")
	s.Matches("not on the node's address", tool("get", "http://"+nodeAddress+":20082"), "refused")
	p.Remove()
	s.Matches("after its removal", tool("ask", "tcp", nodeAddress+":20080", "hello"), "refused")
}

func hostNetwork(s *S) {
	p := withTool(pod("hostnet", server("main", "-tcp", "20090")))
	p.Spec.HostNetwork = true
	started := s.Start(p)
	started.Ready()
	s.Answer("on the node's loopback", "node got hello", "ask", "tcp", "127.0.0.1:20090", "hello")
	Equal(s, "host name", started.Run("main", "hostname"), "node")
	own, _ := os.Readlink("/proc/self/ns/net")
	Equal(s, "network namespace", started.Run("main", "readlink", "/proc/1/ns/net"), own)
}

func dns(s *S) {
	second := "5"
	one := func(name string, policy v1.DNSPolicy, config *v1.PodDNSConfig) *v1.Pod {
		p := pod(name, idle("main"))
		p.Spec.DNSPolicy, p.Spec.DNSConfig = policy, config
		return p
	}
	hostFirst := one("dnshost", v1.DNSClusterFirstWithHostNet, nil)
	hostFirst.Spec.HostNetwork = true
	plainHost := one("dnsplain", v1.DNSClusterFirst, nil)
	plainHost.Spec.HostNetwork = true
	more := &v1.PodDNSConfig{Nameservers: []string{"192.0.2.99"}, Searches: []string{"more.example"},
		Options: []v1.PodDNSConfigOption{{Name: "ndots", Value: &second}, {Name: "edns0"}}}
	for _, test := range []struct {
		pod  *v1.Pod
		want string
	}{
		{one("dnsfirst", v1.DNSClusterFirst, nil), "search default.svc.cluster.local svc.cluster.local cluster.local example.org|nameserver 10.96.0.10|options ndots:5"},
		{one("dnsdefault", v1.DNSDefault, nil), "search example.org|nameserver 192.0.2.53|options timeout:3"},
		{one("dnsnone", v1.DNSNone, more), "search more.example|nameserver 192.0.2.99|options ndots:5 edns0"},
		{hostFirst, "search default.svc.cluster.local svc.cluster.local cluster.local example.org|nameserver 10.96.0.10|options ndots:5"},
		{plainHost, "search example.org|nameserver 192.0.2.53|options timeout:3"},
	} {
		p := s.Start(test.pod)
		p.Ready()
		lines := map[string]bool{}
		for _, line := range strings.Split(p.Run("main", "cat", "/etc/resolv.conf"), "\n") {
			lines[resolverLine(line)] = true
		}
		s.Say("%s: %v", p.Name, lines)
		for _, want := range strings.Split(test.want, "|") {
			if !lines[resolverLine(want)] {
				s.Wrong("%s: no line %q", p.Name, want)
			}
		}
		Equal(s, p.Name+" has lines", len(lines), strings.Count(test.want, "|")+1)
	}
}

// resolverLine is a line of resolv.conf with its options in order: the kubelet has them in any, out of a map.
func resolverLine(text string) string {
	words := strings.Fields(text)
	if len(words) > 0 && words[0] == "options" {
		slices.Sort(words[1:])
	}
	return strings.Join(words, " ")
}

func hosts(s *S) {
	p := pod("hosts", idle("main"))
	p.Spec.HostAliases = []v1.HostAlias{{IP: "192.0.2.77", Hostnames: []string{"one.example", "two.example"}}}
	p.Spec.Hostname, p.Spec.Subdomain = "me", "sub"
	started := s.Start(p)
	address := started.Ready().Status.PodIP
	file := started.Run("main", "cat", "/etc/hosts")
	s.Matches("the kubelet's file", file, "Kubernetes-managed hosts file")
	s.Matches("the pod itself", file, `(?m)^`+address+`\s+me\.sub\.default\.svc\.cluster\.local\s+me$`)
	s.Matches("aliases", file, `(?m)^192\.0\.2\.77\s+one\.example\s+two\.example$`)
	started.Run("main", "sh", "-c", "echo 192.0.2.78 three >> /etc/hosts") // it is the pod's own
}

func names(s *S) {
	p := pod("names", sh("main", "echo $HOSTNAME; "+endless))
	started := s.Start(p)
	started.Ready()
	Equal(s, "hostname", started.Run("main", "hostname"), "names-node")
	Equal(s, "/etc/hostname", started.Run("main", "cat", "/etc/hostname"), "names-node")
	started.Logs("main", "names-node") // $HOSTNAME

	yes := true
	p = pod("fqdn", idle("main"))
	p.Spec.Hostname, p.Spec.Subdomain, p.Spec.SetHostnameAsFQDN = "me", "sub", &yes
	started = s.Start(p)
	started.Ready()
	Equal(s, "hostname as FQDN", started.Run("main", "hostname"), "me.sub.default.svc.cluster.local")
}

func addressFreed(s *S) {
	p := s.Start(pod("freed", idle("main")))
	address := p.Ready().Status.PodIP
	lease := "/var/lib/cni/networks/node/" + address
	_, err := os.Stat(lease)
	s.Want(err == nil, "%s is taken", address)
	namespaces := func() int {
		found, _ := os.ReadDir("/run/netns")
		return len(found)
	}
	s.Say("%d network namespaces", namespaces())
	sandbox := p.sandboxes()[0].Id
	p.Remove() // not ready is said when the stop begins
	for _, file := range []string{lease, "/run/netns/cradle-" + sandbox} {
		s.Until(file+" is gone", func() (string, bool) {
			_, err := os.Stat(file)
			return fmt.Sprint(err), os.IsNotExist(err)
		})
	}
}
