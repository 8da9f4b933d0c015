package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The node's paths are those of any node: script/node gives us a machine of our own to have them in.
const (
	nodeName  = "node" // static pods are called NAME-node
	socket    = "unix:///run/cradle/cradle.sock"
	manifests = "/etc/kubernetes/manifests"
	config    = "/etc/kubernetes/kubelet.yaml"
	certs     = "/etc/cradle/certs.d"
	shared    = "/var/lib/node" // what scenarios share with pods by hostPath
)

var (
	home       = os.Getenv("NODE_HOME")   // logs and pids
	tools      = os.Getenv("NODE_TOOLS")  // .cache/node/bin
	build      = os.Getenv("NODE_BUILD")  // build/release
	source     = os.Getenv("NODE_SOURCE") // test/node
	cgroupRoot = os.Getenv("NODE_CGROUP")
)

var (
	cradled = daemon{name: "cradled", args: []string{build + "/bin/cradled"}, answers: cradledAnswers}
	kubelet = daemon{name: "kubelet", answers: healthy,
		args: []string{tools + "/kubelet", "--config=" + config, "--hostname-override=" + nodeName, "--v=2"}}
	registry = daemon{name: "registry", answers: registryAnswers, args: []string{tools + "/../../conformance/bin/cradle-test-registry",
		"-listen", registryAddress, "-log", home + "/log/requests.log", tools + "/../../conformance/images"}}
)

const registryAddress = "127.0.0.1:5000"

// up starts what does not run yet, and returns when the kubelet is well.
func up() error {
	if err := configure(); err != nil {
		return err
	}
	return start(registry, cradled, kubelet)
}

func configure() error {
	for _, dir := range []string{manifests, certs, "/etc/cni/net.d", "/var/lib/kubelet/seccomp", shared, home + "/log"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	kubeletConfig, err := os.ReadFile(source + "/kubelet.yaml")
	if err != nil {
		return err
	}
	files := map[string]string{
		config:                              strings.ReplaceAll(string(kubeletConfig), "CGROUP_ROOT", cgroupRoot),
		"/etc/hosts":                        "127.0.0.1 localhost\n" + nodeAddress + " " + nodeName + "\n",
		"/etc/resolv.conf":                  "nameserver 127.0.0.1\n", // nobody is there, and says so at once
		"/etc/kubernetes/resolv.conf":       "nameserver 192.0.2.53\nsearch example.org\noptions timeout:3\n",
		"/etc/cni/net.d/10-bridge.conflist": bridge,
		"/etc/cradle/config.toml":           "[cni]\nbin_dirs = [\"" + filepath.Join(tools, "../../cni") + "\"]\n",
	}
	for _, host := range []string{"registry.k8s.io", "gcr.io"} {
		files[certs+"/"+host+"/hosts.toml"] = "server = \"http://" + registryAddress + "\"\n" +
			"[host.\"http://" + registryAddress + "\"]\ncapabilities = [\"pull\", \"resolve\"]\n"
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return copyFile(tools+"/podtool", shared+"/podtool")
}

const bridge = `{
  "cniVersion": "1.0.0", "name": "node",
  "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.85.0.0/16"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	temporary := to + ".new" // the old one may be running
	if err := os.WriteFile(temporary, data, 0o755); err != nil {
		return err
	}
	return os.Rename(temporary, to)
}

// down ends the node: its pods by way of the kubelet, then what is left of them by way of the CRI. What is still
// there afterwards is returned, one line each.
func down() ([]string, error) {
	old, _ := filepath.Glob(manifests + "/*")
	for _, file := range old {
		os.Remove(file)
	}
	if kubelet.pid() != 0 {
		if !until(120*time.Second, func() bool { return running() == 0 }) {
			return nil, fmt.Errorf("%d containers still run two minutes after their manifests went", running())
		}
		until(60*time.Second, func() bool { return len(podGroups()) == 0 }) // the kubelet's own, which it sweeps from time to time
		if err := kubelet.end(syscall.SIGTERM); err != nil {
			return nil, err
		}
	}
	if cradled.pid() != 0 {
		if err := removeSandboxes(); err != nil {
			return nil, err
		}
		if err := cradled.end(syscall.SIGTERM); err != nil {
			return nil, err
		}
	}
	if registry.pid() != 0 {
		if err := registry.end(syscall.SIGTERM); err != nil {
			return nil, err
		}
	}
	return leftovers(), nil
}

func removeSandboxes() error {
	list, err := runtime().ListPodSandbox(within(60*time.Second), &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	for _, sandbox := range list.Items {
		if _, err := runtime().StopPodSandbox(within(60*time.Second), &cri.StopPodSandboxRequest{PodSandboxId: sandbox.Id}); err != nil {
			return err
		}
		if _, err := runtime().RemovePodSandbox(within(60*time.Second), &cri.RemovePodSandboxRequest{PodSandboxId: sandbox.Id}); err != nil {
			return err
		}
	}
	return nil
}

// --- the runtime, asked directly ---

var connection = func() *grpc.ClientConn {
	c, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(32<<20)))
	if err != nil {
		panic(err)
	}
	return c
}()

func runtime() cri.RuntimeServiceClient { return cri.NewRuntimeServiceClient(connection) }
func images() cri.ImageServiceClient    { return cri.NewImageServiceClient(connection) }

// within is a context that ends by itself.
func within(limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	time.AfterFunc(limit, cancel)
	return ctx
}

func cradledAnswers() bool {
	_, err := runtime().Version(within(5*time.Second), &cri.VersionRequest{})
	return err == nil
}

func registryAnswers() bool {
	reply, err := http.Get("http://" + registryAddress + "/v2/")
	if err != nil {
		return false
	}
	reply.Body.Close()
	return reply.StatusCode == http.StatusOK
}

func running() int {
	list, err := runtime().ListContainers(within(20*time.Second), &cri.ListContainersRequest{Filter: &cri.ContainerFilter{
		State: &cri.ContainerStateValue{State: cri.ContainerState_CONTAINER_RUNNING}}})
	if err != nil {
		return -1
	}
	return len(list.Containers)
}

func healthy() bool {
	reply, err := http.Get("http://127.0.0.1:10248/healthz")
	if err != nil {
		return false
	}
	reply.Body.Close()
	return reply.StatusCode == http.StatusOK
}

// --- what must not be there when all pods are removed ---

func leftovers() (found []string) {
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range processes {
		line, _ := os.ReadFile(file)
		if strings.HasPrefix(string(line), "cradle-shim\x00") || strings.HasPrefix(string(line), "cradle-pause\x00") {
			found = append(found, "process "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for _, line := range strings.Split(string(mounts), "\n") {
		if words := strings.Fields(line); len(words) > 1 && (strings.HasPrefix(words[1], "/run/netns/") ||
			strings.HasPrefix(words[1], "/var/lib/cradle/") || strings.HasPrefix(words[1], "/var/lib/kubelet/pods/")) {
			found = append(found, "mount "+words[1])
		}
	}
	for kind, pattern := range map[string]string{
		"network namespace": "/run/netns/*", "address": "/var/lib/cni/networks/node/*.*.*.*", "pod": "/var/lib/cradle/pods/*",
		"container": "/var/lib/cradle/containers/*", "run state": "/run/cradle/pods/*", "attachment": "/var/lib/cradle/network/*",
		"quarantined record": "/var/lib/cradle/quarantine/*",
	} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			found = append(found, kind+" "+file)
		}
	}
	for _, group := range podGroups() {
		found = append(found, "cgroup "+group)
	}
	return found
}

// podGroups are the pods' cgroups, in every hierarchy.
func podGroups() (found []string) {
	for _, below := range []string{"", "burstable/", "besteffort/"} {
		groups, _ := filepath.Glob("/sys/fs/cgroup/*" + cgroupRoot + "/kubepods/" + below + "pod*")
		found = append(found, groups...)
	}
	return found
}
