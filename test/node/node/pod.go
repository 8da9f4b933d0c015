package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"sigs.k8s.io/yaml"
)

const busybox = "registry.k8s.io/e2e-test-images/busybox:1.29-2"

// Pod is a pod by manifest. What it wants of the kubelet, it asks through its scenario.
type Pod struct {
	*v1.Pod
	s    *S
	gone bool
}

// pod is one that nobody has started yet. It ends at once when it is told to: most scenarios are not about that.
func pod(name string, containers ...v1.Container) *v1.Pod {
	grace := int64(1)
	return &v1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec:       v1.PodSpec{Containers: containers, TerminationGracePeriodSeconds: &grace},
	}
}

// sh is a container that runs a script with busybox. Every applet is there.
func sh(name, script string) v1.Container {
	return v1.Container{Name: name, Image: busybox, Command: []string{"sh", "-c", script}}
}

// idle waits, and ends when it is told to.
func idle(name string) v1.Container { return sh(name, endless) }

const endless = "trap 'exit 0' TERM; sleep 1000000 & wait"

// Start hands the pod to the kubelet and takes it back when the scenario ends.
func (s *S) Start(p *v1.Pod) *Pod {
	s.Say("pod %s: %d containers", p.Name, len(p.Spec.Containers)+len(p.Spec.InitContainers))
	return s.start(p)
}

func (s *S) start(p *v1.Pod) *Pod {
	started := &Pod{Pod: p, s: s}
	started.write()
	s.pods = append(s.pods, started)
	return started
}

func (p *Pod) manifest() string { return manifests + "/" + p.Name + ".yaml" }

// write renames the manifest into place: the kubelet reads the folder at any time.
func (p *Pod) write() {
	text, err := yaml.Marshal(p.Pod)
	p.s.Must(err)
	p.s.Must(os.WriteFile(manifests+"/."+p.Name, text, 0o644))
	p.s.Must(os.Rename(manifests+"/."+p.Name, p.manifest()))
}

// Withdraw takes the manifest away.
func (p *Pod) Withdraw() { os.Remove(p.manifest()) }

// Remove takes the manifest away and waits until nothing of the pod runs.
func (p *Pod) Remove() {
	if p.gone {
		return
	}
	p.Withdraw()
	p.s.Until(p.Name+" is gone", func() (string, bool) {
		ready := p.readySandboxes()
		p.gone = ready == 0 && podNow(p.Name) == nil
		return fmt.Sprintf("%d sandboxes ready", ready), p.gone
	})
}

// removePods takes all manifests away and waits until nothing of the pods runs.
func (s *S) removePods() {
	if len(s.pods) == 0 {
		return
	}
	left := s.pods
	for _, p := range left {
		p.Withdraw()
	}
	s.UntilIn(3*patience, "its pods are gone", func() (string, bool) {
		left = slices.DeleteFunc(slices.Clone(left), func(p *Pod) bool {
			p.gone = p.gone || p.readySandboxes() == 0 && podNow(p.Name) == nil
			return p.gone
		})
		return fmt.Sprintf("%d of %d left", len(left), len(s.pods)), len(left) == 0
	})
}

// Now is the pod as the kubelet shows it; it may be nil.
func (p *Pod) Now() *v1.Pod { return podNow(p.Name) }

// Until waits for a state of the pod.
func (p *Pod) Until(what string, done func(*v1.Pod) bool) *v1.Pod {
	var now *v1.Pod
	p.s.Until(p.Name+" "+what, func() (string, bool) {
		now = p.Now()
		return describe(now), now != nil && done(now)
	})
	return now
}

// Ready waits until all its containers run and are ready.
func (p *Pod) Ready() *v1.Pod { return p.Until("is ready", ready) }

func ready(p *v1.Pod) bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == v1.PodReady {
			return condition.Status == v1.ConditionTrue
		}
	}
	return false
}

// Phase waits for the pod's end, or for whatever else it shall come to.
func (p *Pod) Phase(phase v1.PodPhase) *v1.Pod {
	return p.Until("comes to "+string(phase), func(p *v1.Pod) bool { return p.Status.Phase == phase })
}

// status of a container of any kind; empty when there is none yet.
func status(p *v1.Pod, name string) v1.ContainerStatus {
	if p != nil {
		for _, list := range [][]v1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
			for _, one := range list {
				if one.Name == name {
					return one
				}
			}
		}
	}
	return v1.ContainerStatus{}
}

// describe is the pod in one line.
func describe(p *v1.Pod) string {
	if p == nil {
		return "unknown to the kubelet"
	}
	words := []string{string(p.Status.Phase)}
	if p.Status.Message != "" {
		words = append(words, p.Status.Message)
	}
	for _, list := range [][]v1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, one := range list {
			words = append(words, one.Name+" "+describeState(one))
		}
	}
	return strings.Join(words, ", ")
}

func describeState(one v1.ContainerStatus) string {
	text := "?"
	switch state := one.State; {
	case state.Running != nil:
		text = "running"
		if !one.Ready {
			text = "running, not ready"
		}
	case state.Terminated != nil:
		text = fmt.Sprintf("%s %d", state.Terminated.Reason, state.Terminated.ExitCode)
		if state.Terminated.Message != "" {
			text += fmt.Sprintf(" %q", strings.TrimSpace(state.Terminated.Message))
		}
	case state.Waiting != nil:
		text = strings.TrimSpace(state.Waiting.Reason + " " + state.Waiting.Message)
	}
	if one.RestartCount > 0 {
		text += fmt.Sprintf(" (%d restarts)", one.RestartCount)
	}
	return text
}

// --- the same pod, asked of the runtime ---

func (p *Pod) labels() map[string]string {
	return map[string]string{"io.kubernetes.pod.name": p.Name + "-" + nodeName}
}

func (p *Pod) sandboxes() []*cri.PodSandbox {
	var list *cri.ListPodSandboxResponse
	var err error
	until(patience, func() bool { // cradled may be on its way back
		list, err = runtime().ListPodSandbox(within(20*time.Second),
			&cri.ListPodSandboxRequest{Filter: &cri.PodSandboxFilter{LabelSelector: p.labels()}})
		return err == nil
	})
	p.s.Must(err)
	return list.Items
}

func (p *Pod) readySandboxes() (n int) {
	for _, sandbox := range p.sandboxes() {
		if sandbox.State == cri.PodSandboxState_SANDBOX_READY {
			n++
		}
	}
	return n
}

// container is the id of the newest one of this name, and empty when there is none.
func (p *Pod) container(name string) string {
	labels := p.labels()
	labels["io.kubernetes.container.name"] = name
	list, err := runtime().ListContainers(within(20*time.Second),
		&cri.ListContainersRequest{Filter: &cri.ContainerFilter{LabelSelector: labels}})
	if err != nil {
		return ""
	}
	newest := &cri.Container{}
	for _, one := range list.Containers {
		if one.CreatedAt > newest.CreatedAt {
			newest = one
		}
	}
	return newest.Id
}

// Run executes a command in a container and returns what it printed; what it printed to standard error too.
func (p *Pod) Run(container string, command ...string) string {
	out, code := p.Try(container, command...)
	if code != 0 {
		p.s.Wrong("%v in %s ends with %d: %s", command, container, code, out)
	}
	return out
}

// Sh is Run with a script.
func (p *Pod) Sh(container, script string) string { return p.Run(container, "sh", "-c", script) }

func (p *Pod) Try(container string, command ...string) (string, int) {
	reply, err := runtime().ExecSync(within(patience), &cri.ExecSyncRequest{
		ContainerId: p.container(container), Cmd: command, Timeout: 60})
	p.s.Must(err)
	return strings.TrimSpace(string(reply.Stdout) + string(reply.Stderr)), int(reply.ExitCode)
}
