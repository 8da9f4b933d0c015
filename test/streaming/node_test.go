// Package streaming drives a cradled over CRI and its streaming URLs with the clients that Kubernetes' people use:
// client-go's remotecommand and portforward, which are kubectl's. See run.
package streaming

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
)

const (
	image    = "cradle.local/busybox:latest"
	patience = 60 * time.Second
	program  = "/t/streaming.test" // this program, inside containers: see role_test.go
)

var (
	build = flag.String("build", "", "build folder of the cradled to test")
	cni   = flag.String("cni", "", "folder of CNI plugins")
	dir   = flag.String("dir", "", "an empty folder for cradled's files")
	full  = flag.Bool("full", false, "the full sizes and counts, which take minutes")
	node  *Node
)

// Node is a cradled with a root, state and socket of its own, and one pod with one idle container that tests share.
type Node struct {
	dir       string
	daemon    *exec.Cmd
	runtime   cri.RuntimeServiceClient
	pod       string
	container string
	count     int
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && PlayRole(os.Args[1]) {
		return
	}
	flag.Parse()
	klog.SetLogger(logr.Discard()) // clients that vanish on purpose have much to say
	os.Exit(run(m))
}

func run(m *testing.M) int {
	node = &Node{dir: *dir}
	before := processes()
	node.prepare()
	node.Start()
	node.command("cradlectl", "image", "import", *build+"/images/busybox", "--name", image)
	node.pod = node.RunPod("shared")
	node.container = node.StartContainer(node.pod, &cri.ContainerConfig{Command: []string{"sleep", "1000000"}})
	code := m.Run()
	log, _ := os.ReadFile(node.ShimLog())
	node.RemovePod(node.pod)
	check(node.daemon.Process.Signal(os.Interrupt))
	check(node.daemon.Wait())
	if !eventually(func() bool { return processes() == before }) {
		fmt.Printf("processes are left behind: %d, before: %d\n", processes(), before)
		code = 1
	}
	if code != 0 {
		fmt.Printf("the shared pod's shim said:\n%s\n", tail(string(log), 40))
		daemonLog, _ := os.ReadFile(node.dir + "/cradled.log")
		fmt.Printf("cradled said:\n%s\n", tail(string(daemonLog), 40))
	}
	return code
}

func (n *Node) socket() string { return n.dir + "/cradle.sock" }

func (n *Node) prepare() {
	for _, made := range []string{"root", "state", "cni", "logs"} {
		check(os.Mkdir(n.dir+"/"+made, 0o755))
	}
	check(os.WriteFile(n.dir+"/cni/10-bridge.conflist", []byte(`{
  "cniVersion": "1.0.0", "name": "streaming", "plugins": [
    {"type": "bridge", "bridge": "cradle-str0", "isGateway": true,
     "ipam": {"type": "host-local", "dataDir": "`+n.dir+`/ipam", "ranges": [[{"subnet": "10.87.0.0/16"}]]}}]}`), 0o644))
	n.Configure("")
}

// Configure is what cradled reads when it is started the next time.
func (n *Node) Configure(more string) {
	check(os.WriteFile(n.dir+"/config.toml", []byte(fmt.Sprintf(
		"[cni]\nconf_dir = %q\nbin_dirs = [%q]\n%s", n.dir+"/cni", *cni, more)), 0o644))
}

// Start starts cradled; one that ran before was killed.
func (n *Node) Start() {
	log, err := os.OpenFile(n.dir+"/cradled.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	check(err)
	defer log.Close()
	n.daemon = exec.Command(*build+"/bin/cradled", "--config", n.dir+"/config.toml", "--listen", "unix://"+n.socket(),
		"--root", n.dir+"/root", "--state", n.dir+"/state")
	n.daemon.Stdout, n.daemon.Stderr = log, log
	check(n.daemon.Start())
	if !eventually(func() bool {
		conn, err := net.Dial("unix", n.socket())
		if err == nil {
			conn.Close()
		}
		return err == nil
	}) {
		panic("cradled doesn't answer")
	}
	conn, err := grpc.NewClient("unix:"+n.socket(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(err)
	n.runtime = cri.NewRuntimeServiceClient(conn)
}

func (n *Node) Kill() {
	check(n.daemon.Process.Kill())
	n.daemon.Wait()
}

func (n *Node) command(name string, args ...string) {
	command := exec.Command(*build+"/bin/"+name, args...)
	command.Env = append(os.Environ(), "CRADLE_ADDRESS=unix://"+n.socket())
	if out, err := command.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%s %v: %v: %s", name, args, err, out))
	}
}

func (n *Node) podConfig(name string) *cri.PodSandboxConfig {
	return &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: name, Namespace: "test", Uid: name},
		Hostname:     name,
		LogDirectory: n.dir + "/logs",
		Linux:        &cri.LinuxPodSandboxConfig{},
	}
}

func (n *Node) RunPod(name string) string {
	answer, err := n.runtime.RunPodSandbox(soon(), &cri.RunPodSandboxRequest{Config: n.podConfig(name)})
	check(err)
	return answer.PodSandboxId
}

func (n *Node) RemovePod(pod string) {
	_, err := n.runtime.StopPodSandbox(soon(), &cri.StopPodSandboxRequest{PodSandboxId: pod})
	check(err)
	_, err = n.runtime.RemovePodSandbox(soon(), &cri.RemovePodSandboxRequest{PodSandboxId: pod})
	check(err)
}

// StartContainer creates and starts one with this program at /t; its log is LogOf.
func (n *Node) StartContainer(pod string, config *cri.ContainerConfig) string {
	n.count++
	name := fmt.Sprintf("c%d", n.count)
	own, err := os.Executable()
	check(err)
	config.Metadata = &cri.ContainerMetadata{Name: name}
	config.Image = &cri.ImageSpec{Image: image}
	config.LogPath = name + ".log"
	config.Linux = &cri.LinuxContainerConfig{}
	config.Mounts = []*cri.Mount{{HostPath: filepath.Dir(own), ContainerPath: filepath.Dir(program), Readonly: true}}
	created, err := n.runtime.CreateContainer(soon(), &cri.CreateContainerRequest{
		PodSandboxId: pod, Config: config, SandboxConfig: n.podConfig("shared")})
	check(err)
	_, err = n.runtime.StartContainer(soon(), &cri.StartContainerRequest{ContainerId: created.ContainerId})
	check(err)
	return created.ContainerId
}

func (n *Node) RemoveContainer(id string) {
	_, err := n.runtime.RemoveContainer(soon(), &cri.RemoveContainerRequest{ContainerId: id})
	check(err)
}

func (n *Node) Status(id string) *cri.ContainerStatus {
	answer, err := n.runtime.ContainerStatus(soon(), &cri.ContainerStatusRequest{ContainerId: id})
	check(err)
	return answer.Status
}

// Run is ExecSync in the shared container.
func (n *Node) Run(words ...string) (string, int) {
	answer, err := n.runtime.ExecSync(soon(), &cri.ExecSyncRequest{ContainerId: n.container, Cmd: words})
	check(err)
	return string(answer.Stdout), int(answer.ExitCode)
}

func (n *Node) ShimLog() string { return fmt.Sprintf("%s/state/pods/%s/shim.log", n.dir, n.pod) }

// ShimPid is the pid of a pod's shim, by its command line.
func (n *Node) ShimPid(pod string) int {
	for _, pid := range pids() {
		words, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(words), "cradle-shim") && strings.Contains(string(words), pod) {
			return pid
		}
	}
	panic("the pod has no shim")
}

func pids() (all []int) {
	entries, err := os.ReadDir("/proc")
	check(err)
	for _, entry := range entries {
		var pid int
		if _, err := fmt.Sscanf(entry.Name(), "%d", &pid); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// processes counts those of this pid namespace, which is the test's own.
func processes() int { return len(pids()) }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// soon is the context of one call.
func soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	_ = cancel // with its deadline
	return ctx
}

func eventually(so func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if so() {
			return true
		}
	}
	return so()
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
