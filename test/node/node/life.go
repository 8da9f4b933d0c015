package main

import (
	"os"
	"strings"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var life = []scenario{
	{name: "life/two containers", run: twoContainers},
	{name: "life/init containers", run: initContainers},
	{name: "life/init container fails", run: initFails},
	{name: "life/sidecars", run: sidecars},
	{name: "life/restart policy Always", run: restartAlways},
	{name: "life/restart policy OnFailure", run: restartOnFailure},
	{name: "life/restart policy Never", run: restartNever},
	{name: "life/liveness exec", run: livenessExec},
	{name: "life/liveness exec with timeout", run: livenessTimeout},
	{name: "life/liveness http", run: livenessHTTP},
	{name: "life/liveness http with timeout", run: livenessHTTPTimeout},
	{name: "life/liveness tcp and grpc", run: livenessOthers},
	{name: "life/readiness of four kinds", run: readiness},
	{name: "life/startup probe", run: startupProbe},
	{name: "life/startup probes http, tcp and grpc", run: startupOthers},
	{name: "life/postStart", run: postStart},
	{name: "life/postStart fails", run: postStartFails},
	{name: "life/preStop", run: preStop},
	{name: "life/preStop cut by the grace period", run: preStopCut},
	{name: "life/termination", run: termination},
	{name: "life/termination message", run: terminationMessage},
	{name: "life/changed manifest", run: changedManifest},
	{name: "life/exit codes and reasons", run: exitCodes},
	{name: "life/what cannot run", run: cannotRun},
	{name: "life/image pull failures", run: pullFailures},
}

func twoContainers(s *S) {
	p := s.Start(pod("two", idle("one"), sh("other", "echo hello; "+endless)))
	now := p.Ready()
	Equal(s, "phase", now.Status.Phase, v1.PodRunning)
	p.Logs("other", "hello")
	s.Matches("address", now.Status.PodIP, `^10\.85\.`)
	s.Matches("uname", p.Run("one", "hostname"), "^two-node$")
	s.Matches("started", status(now, "one").ContainerID, "^cradle://[0-9a-f]{64}$")
}

// diary is a file on the node that containers of a pod write to: what happened in which order.
type diary struct {
	s    *S
	file string
}

func (s *S) diary(p *v1.Pod) diary {
	dir := s.folder(p.Name)
	mount(p, v1.Volume{Name: "diary", VolumeSource: v1.VolumeSource{HostPath: &v1.HostPathVolumeSource{Path: dir}}}, "/diary")
	return diary{s, dir + "/events"}
}

// mount adds a volume to all containers of a pod.
func mount(p *v1.Pod, volume v1.Volume, path string) {
	p.Spec.Volumes = append(p.Spec.Volumes, volume)
	for _, list := range [][]v1.Container{p.Spec.InitContainers, p.Spec.Containers} {
		for i := range list {
			list[i].VolumeMounts = append(list[i].VolumeMounts, v1.VolumeMount{Name: volume.Name, MountPath: path})
		}
	}
}

// withTool puts podtool into all containers, as /podtool.
func withTool(p *v1.Pod) *v1.Pod {
	mount(p, v1.Volume{Name: "tool", VolumeSource: v1.VolumeSource{
		HostPath: &v1.HostPathVolumeSource{Path: shared + "/podtool"}}}, "/podtool")
	return p
}

// note is shell: one event of the diary.
func note(event string) string { return "echo " + event + " >> /diary/events" }

func (d diary) read() string {
	text, _ := os.ReadFile(d.file)
	return strings.Join(strings.Fields(string(text)), " ")
}

// Until waits for what a container writes some time after it was started.
func (d diary) Until(events string) {
	d.s.Until("diary", func() (string, bool) {
		read := d.read()
		return read, read == events
	})
}

func initContainers(s *S) {
	p := pod("inits", sh("main", note("main")+"; "+endless))
	p.Spec.InitContainers = []v1.Container{sh("first", "sleep 1; "+note("first")), sh("second", note("second"))}
	diary := s.diary(p)
	now := s.Start(p).Ready()
	diary.Until("first second main")
	Equal(s, "first", describeState(status(now, "first")), "Completed 0")
	Equal(s, "second", describeState(status(now, "second")), "Completed 0")
}

func initFails(s *S) {
	p := pod("initfails", idle("main"))
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	p.Spec.InitContainers = []v1.Container{sh("first", "exit 3"), sh("second", "true")}
	now := s.Start(p).Phase(v1.PodFailed)
	Equal(s, "first", describeState(status(now, "first")), "Error 3")
	s.Matches("main", describeState(status(now, "main")), "PodInitializing|^$")
}

func sidecars(s *S) {
	always := v1.ContainerRestartPolicyAlways
	sidecar := func(name string) v1.Container {
		c := sh(name, "trap '"+note(name+"-down")+"; exit 0' TERM; sleep 1; "+note(name+"-up")+"; touch /up; sleep 1000000 & wait")
		c.RestartPolicy = &always
		c.StartupProbe = probe(v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"test", "-e", "/up"}}})
		c.StartupProbe.FailureThreshold = 60
		return c
	}
	grace := int64(20)
	p := pod("sidecars", sh("main", "trap 'sleep 1; "+note("main-down")+"; exit 0' TERM; "+note("main-up")+"; sleep 1000000 & wait"))
	p.Spec.TerminationGracePeriodSeconds = &grace
	p.Spec.InitContainers = []v1.Container{sidecar("a"), sh("init", note("init")), sidecar("b")}
	diary := s.diary(p)
	started := s.Start(p)
	started.Ready()
	diary.Until("a-up init b-up main-up")
	started.Remove()
	Equal(s, "stop", strings.TrimPrefix(diary.read(), "a-up init b-up main-up "), "main-down b-down a-down")
}

func restartAlways(s *S) {
	p := s.Start(pod("always", sh("main", "echo run; exit 7")))
	now := p.Until("is restarted, and backs off", func(p *v1.Pod) bool {
		one := status(p, "main")
		return one.RestartCount >= 2 && one.State.Waiting != nil && one.State.Waiting.Reason == "CrashLoopBackOff"
	})
	last := status(now, "main").LastTerminationState.Terminated
	Equal(s, "last reason", last.Reason, "Error")
	Equal(s, "last exit code", last.ExitCode, 7)
	s.Want(!last.FinishedAt.Before(&last.StartedAt), "ran from %v to %v", last.StartedAt, last.FinishedAt)
	s.Matches("previous log", p.logs("main", "previous=true"), "^run$")
}

func restartOnFailure(s *S) {
	p := pod("onfailure", sh("good", "exit 0"), sh("bad", "exit 1"))
	p.Spec.RestartPolicy = v1.RestartPolicyOnFailure
	now := s.Start(p).Until("restarts one", func(p *v1.Pod) bool { return status(p, "bad").RestartCount >= 1 })
	Equal(s, "the other", describeState(status(now, "good")), "Completed 0")
}

func restartNever(s *S) {
	p := pod("never", sh("good", "exit 0"), sh("bad", "exit 1"))
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	now := s.Start(p).Phase(v1.PodFailed)
	Equal(s, "good", describeState(status(now, "good")), "Completed 0")
	Equal(s, "bad", describeState(status(now, "bad")), "Error 1")
	q := pod("succeeds", sh("good", "exit 0"))
	q.Spec.RestartPolicy = v1.RestartPolicyNever
	s.Start(q).Phase(v1.PodSucceeded)
}

// --- probes ---

// probe asks each second and believes the first answer.
func probe(handler v1.ProbeHandler) *v1.Probe {
	return &v1.Probe{ProbeHandler: handler, PeriodSeconds: 1, FailureThreshold: 1, SuccessThreshold: 1, TimeoutSeconds: 10}
}

func restarted(p *v1.Pod) bool { return status(p, "main").RestartCount >= 1 }

func livenessExec(s *S) {
	c := sh("main", "touch /well; sleep 2; rm /well; "+endless)
	c.LivenessProbe = probe(v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"cat", "/well"}}})
	c.LivenessProbe.InitialDelaySeconds = 1
	s.Start(pod("liveexec", c)).Until("is restarted", restarted)
}

func livenessTimeout(s *S) {
	c := idle("main")
	c.LivenessProbe = probe(v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"sleep", "1000"}}})
	c.LivenessProbe.TimeoutSeconds = 1
	s.Start(pod("livetimeout", c)).Until("is restarted", restarted)
}

func livenessHTTP(s *S) {
	c := server("main", "-http", "8080")
	c.LivenessProbe = probe(v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Path: "/live", Port: intstr.FromInt32(8080)}})
	c.LivenessProbe.FailureThreshold = 10 // it may be slow to start
	p := s.Start(withTool(pod("livehttp", c)))
	p.Ready()
	s.Until("it is asked", func() (string, bool) {
		log := p.logs("main", "")
		return strings.TrimSpace(log), strings.Contains(log, "GET /live")
	})
	Equal(s, "restarts while it is well", status(p.Now(), "main").RestartCount, 0)
	p.Run("main", "touch", "/tmp/sick")
	p.Until("is restarted", restarted)
}

// A process that is stopped takes connections, as the kernel does that for it, and never answers.
func livenessHTTPTimeout(s *S) {
	c := server("main", "-http", "8080")
	c.LivenessProbe = probe(v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Path: "/live", Port: intstr.FromInt32(8080)}})
	c.LivenessProbe.FailureThreshold, c.LivenessProbe.TimeoutSeconds = 5, 1
	c.ReadinessProbe = probe(c.LivenessProbe.ProbeHandler)
	p := s.Start(withTool(pod("httptimeout", c)))
	p.Ready()
	s.Must(syscall.Kill(p.pid("main"), syscall.SIGSTOP))
	p.Until("is restarted", restarted)
	p.Ready()
}

func livenessOthers(s *S) {
	one := func(name string, handler v1.ProbeHandler, script string) v1.Container {
		c := sh(name, script)
		c.LivenessProbe = probe(handler)
		c.LivenessProbe.FailureThreshold = 10 // it may be slow to start
		c.ReadinessProbe = probe(handler)
		return c
	}
	p := s.Start(withTool(pod("liveothers",
		one("grpc", v1.ProbeHandler{GRPC: &v1.GRPCAction{Port: 8002}}, "exec /podtool serve -grpc 8002 -sick /tmp/sick-grpc"),
		one("tcp", v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: intstr.FromInt32(8003)}}, "/podtool serve -tcp 8003 & "+endless),
	)))
	p.Ready()
	p.Run("grpc", "touch", "/tmp/sick-grpc")
	p.Run("tcp", "killall", "podtool")
	for _, name := range []string{"grpc", "tcp"} {
		p.Until(name+" is restarted", func(p *v1.Pod) bool { return status(p, name).RestartCount >= 1 })
	}
}

// server is a container that serves with podtool.
func server(name string, options ...string) v1.Container {
	return v1.Container{Name: name, Image: busybox, Command: append([]string{"/podtool", "serve"}, options...)}
}

func readiness(s *S) {
	one := func(name string, handler v1.ProbeHandler, options ...string) v1.Container {
		c := server(name, append(options, "-sick", "/tmp/sick-"+name)...)
		c.ReadinessProbe = probe(handler)
		return c
	}
	p := s.Start(withTool(pod("ready",
		one("http", v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Port: intstr.FromInt32(8001)}}, "-http", "8001"),
		one("grpc", v1.ProbeHandler{GRPC: &v1.GRPCAction{Port: 8002}}, "-grpc", "8002"),
		one("tcp", v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: intstr.FromInt32(8003)}}, "-tcp", "8003"),
		one("exec", v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"test", "!", "-e", "/tmp/sick-exec"}}}, "-tcp", "8004"),
	)))
	p.Ready()
	for _, name := range []string{"http", "grpc", "exec"} {
		p.Run(name, "touch", "/tmp/sick-"+name)
		p.Until(name+" is not ready", func(p *v1.Pod) bool { return !status(p, name).Ready })
		p.Run(name, "rm", "/tmp/sick-"+name)
	}
	now := p.Ready()
	for _, one := range now.Status.ContainerStatuses {
		Equal(s, "restarts of "+one.Name, one.RestartCount, 0)
	}
}

func startupProbe(s *S) {
	c := sh("main", "while [ ! -e /go/on ]; do sleep 0.1; done; touch /up; "+endless)
	c.StartupProbe = probe(v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"test", "-e", "/up"}}})
	c.StartupProbe.FailureThreshold = 60
	c.LivenessProbe = probe(v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"test", "-e", "/up"}}})
	slow := pod("startup", c)
	dir := s.folder("startup")
	mount(slow, hostPathVolume("go", dir, v1.HostPathDirectory), "/go")
	p := s.Start(slow)
	p.Until("runs, not started yet", func(p *v1.Pod) bool {
		one := status(p, "main")
		return one.State.Running != nil && one.Started != nil && !*one.Started
	})
	s.Must(os.WriteFile(dir+"/on", nil, 0o644))
	Equal(s, "restarts", status(p.Ready(), "main").RestartCount, 0)
}

func startupOthers(s *S) {
	one := func(name string, handler v1.ProbeHandler, option, port string) v1.Container {
		c := sh(name, "while [ ! -e /go/on ]; do sleep 0.1; done; exec /podtool serve "+option+" "+port)
		c.StartupProbe = probe(handler)
		c.StartupProbe.FailureThreshold = 90
		return c
	}
	p := withTool(pod("startupothers",
		one("http", v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Port: intstr.FromInt32(8001)}}, "-http", "8001"),
		one("grpc", v1.ProbeHandler{GRPC: &v1.GRPCAction{Port: 8002}}, "-grpc", "8002"),
		one("tcp", v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: intstr.FromInt32(8003)}}, "-tcp", "8003")))
	dir := s.folder("startupothers")
	mount(p, hostPathVolume("go", dir, v1.HostPathDirectory), "/go")
	started := s.Start(p)
	started.Until("all run, none is started", func(p *v1.Pod) bool {
		for _, name := range []string{"http", "grpc", "tcp"} {
			if one := status(p, name); one.State.Running == nil || one.Started == nil || *one.Started {
				return false
			}
		}
		return true
	})
	s.Must(os.WriteFile(dir+"/on", nil, 0o644))
	for _, one := range started.Ready().Status.ContainerStatuses {
		Equal(s, "restarts of "+one.Name, one.RestartCount, 0)
	}
}

// --- hooks ---

func httpGet(path string) *v1.LifecycleHandler {
	return &v1.LifecycleHandler{HTTPGet: &v1.HTTPGetAction{Path: path, Port: intstr.FromInt32(8080)}}
}

func postStart(s *S) {
	p := withTool(pod("poststart", server("exec", "-http", "8080", "-diary", "/diary/events"), idle("http"), idle("sleep"), idle("last")))
	p.Spec.TerminationGracePeriodSeconds = number(3) // more than the sleep: the kubelet's rule
	diary := s.diary(p)
	up := "until /podtool get http://127.0.0.1:8080/exec; do sleep 0.1; done"
	for i, handler := range []*v1.LifecycleHandler{
		{Exec: &v1.ExecAction{Command: []string{"sh", "-c", up}}}, httpGet("/http"), {Sleep: &v1.SleepAction{Seconds: 2}},
	} {
		p.Spec.Containers[i].Lifecycle = &v1.Lifecycle{PostStart: handler}
	}
	now := s.Start(p).Ready()
	Equal(s, "hooks", diary.read(), "/exec /http")
	gap := status(now, "last").State.Running.StartedAt.Sub(status(now, "sleep").State.Running.StartedAt.Time)
	s.Want(gap >= time.Second, "the next container started %v after the one whose hook sleeps", gap) // told in whole seconds
}

func postStartFails(s *S) {
	c := sh("main", "sleep 1000000")
	c.Lifecycle = &v1.Lifecycle{PostStart: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"sh", "-c", "echo no >&2; exit 5"}}}}
	now := s.Start(pod("poststartfails", c)).Until("is killed", func(p *v1.Pod) bool {
		one := status(p, "main")
		return one.State.Terminated != nil || one.LastTerminationState.Terminated != nil
	})
	last := status(now, "main")
	ended := last.State.Terminated
	if ended == nil {
		ended = last.LastTerminationState.Terminated
	}
	Equal(s, "exit code", ended.ExitCode, 137)
}

func preStop(s *S) {
	grace := int64(60)
	ends := func(name string) v1.Container {
		return sh(name, "trap '"+note(name+"-term")+"; exit 0' TERM; sleep 1000000 & wait")
	}
	p := withTool(pod("prestop", ends("exec"), ends("sleep"), server("http", "-http", "8080", "-diary", "/diary/events")))
	p.Spec.TerminationGracePeriodSeconds = &grace
	p.Spec.Containers[2].ReadinessProbe = probe(v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Port: intstr.FromInt32(8080)}})
	for i, handler := range []*v1.LifecycleHandler{
		{Exec: &v1.ExecAction{Command: []string{"sh", "-c", "sleep 1; " + note("exec-hook")}}}, {Sleep: &v1.SleepAction{Seconds: 4}}, httpGet("/http-hook"),
	} {
		p.Spec.Containers[i].Lifecycle = &v1.Lifecycle{PreStop: handler}
	}
	diary := s.diary(p)
	started := s.Start(p)
	started.Ready()
	begin := time.Now()
	started.Remove()
	s.Matches("hooks by exec and sleep, then the signal", diary.read(), "exec-hook.* exec-term.*sleep-term")
	s.Matches("hook by http", diary.read(), "/http-hook")
	s.Want(time.Since(begin) > 4*time.Second, "the sleeping hook was waited for: %v", time.Since(begin))
}

func preStopCut(s *S) {
	grace := int64(2)
	c := sh("main", "trap '' TERM; while :; do sleep 1000; done")
	c.Lifecycle = &v1.Lifecycle{PreStop: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"sleep", "1000"}}}}
	p := pod("prestopcut", c)
	p.Spec.TerminationGracePeriodSeconds = &grace
	started := s.Start(p)
	started.Ready()
	begin := time.Now()
	started.Remove()
	s.Want(time.Since(begin) < 60*time.Second, "gone after %v", time.Since(begin))
}

func termination(s *S) {
	for name, one := range map[string]struct {
		script string
		grace  int64
		event  string
	}{
		"graceful": {"trap '" + note("graceful") + "; exit 0' TERM; " + note("up") + "; sleep 1000000 & wait", 60, "up graceful"},
		"forced":   {"trap '" + note("asked") + "' TERM; " + note("up") + "; while :; do sleep 1000000 & wait; done", 5, "up asked"},
		"zero":     {"trap '' TERM; " + note("up") + "; while :; do sleep 1000; done", 0, "up"},
	} {
		p := pod(name, sh("main", one.script))
		p.Spec.TerminationGracePeriodSeconds = &one.grace
		diary := s.diary(p)
		started := s.Start(p)
		started.Ready()
		diary.Until("up")
		begin := time.Now()
		started.Remove()
		took := time.Since(begin)
		s.Want(took < 50*time.Second, "%s: gone after %v", name, took)
		s.Want(name != "forced" || took >= 5*time.Second, "%s: it had its grace period", name)
		Equal(s, name+": it heard", diary.read(), one.event)
	}
}

func terminationMessage(s *S) {
	custom := sh("custom", "echo from a file > /tmp/why; exit 1")
	custom.TerminationMessagePath = "/tmp/why"
	usual := sh("usual", "echo as usual > /dev/termination-log; exit 0")
	fallback := sh("fallback", "echo said at last; exit 1")
	fallback.TerminationMessagePolicy = v1.TerminationMessageFallbackToLogsOnError
	p := pod("message", custom, usual, fallback)
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	now := s.Start(p).Phase(v1.PodFailed)
	for name, want := range map[string]string{"custom": "from a file", "usual": "as usual", "fallback": "said at last"} {
		Equal(s, name, strings.TrimSpace(status(now, name).State.Terminated.Message), want)
	}
}

func changedManifest(s *S) {
	p := s.Start(pod("changed", sh("main", "echo first; "+endless)))
	before := p.Ready()
	p.Spec.Containers[0].Command[2] = "echo second; " + endless
	p.write()
	after := p.Until("is another pod", func(now *v1.Pod) bool { return now.UID != before.UID && ready(now) })
	p.Logs("main", "second")
	s.Say("was %s, is %s", before.UID, after.UID)
}

func exitCodes(s *S) {
	memory := v1.ResourceList{v1.ResourceMemory: resource.MustParse("20Mi")}
	eats := v1.Container{Name: "oom", Image: busybox, Command: []string{"/podtool", "eat", "200"},
		Resources: v1.ResourceRequirements{Limits: memory}}
	p := withTool(pod("codes", sh("completed", "exit 0"), sh("error", "exit 42"), sh("ignores", "kill -9 $$$$; kill -TERM $$$$; exit 9"),
		sh("child", "sh -c 'kill -9 $$$$'; exit $?"), eats)) // the kubelet makes $$ of $$$$; PID 1 gets no signal of its own
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	now := s.Start(p).Phase(v1.PodFailed)
	for name, want := range map[string]string{"completed": "Completed 0", "error": "Error 42", "ignores": "Error 9", "child": "Error 137", "oom": "OOMKilled 137"} {
		Equal(s, name, describeState(status(now, name)), want)
	}
}

func cannotRun(s *S) {
	missing := v1.Container{Name: "missing", Image: busybox, Command: []string{"/no/such/program"}}
	notExecutable := v1.Container{Name: "mode", Image: busybox, Command: []string{"/etc/passwd"}}
	dir := idle("dir")
	dir.WorkingDir = "/etc/passwd"
	p := pod("cannot", missing, notExecutable, dir)
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	now := s.Start(p).Until("has tried all", func(p *v1.Pod) bool {
		for _, name := range []string{"missing", "mode", "dir"} {
			if one := status(p, name); one.State.Terminated == nil && (one.State.Waiting == nil || !strings.Contains(one.State.Waiting.Reason, "Error")) {
				return false
			}
		}
		return true
	})
	s.Matches("missing", describeState(status(now, "missing")), `^(?i)(ContainerCannotRun|StartError) 12[78] ".*/no/such/program.*No such file`)
	s.Matches("mode", describeState(status(now, "mode")), `^(?i)(ContainerCannotRun|StartError) 12[68] ".*/etc/passwd.*Permission denied`)
	s.Matches("dir", describeState(status(now, "dir")), `/etc/passwd.*Not a directory`)
}

func pullFailures(s *S) {
	with := func(name, image string, policy v1.PullPolicy) v1.Container {
		c := idle(name)
		c.Image, c.ImagePullPolicy = image, policy
		return c
	}
	p := s.Start(pod("pull",
		with("unknown", "registry.k8s.io/no/such:image", v1.PullIfNotPresent),
		with("tag", "registry.k8s.io/e2e-test-images/busybox:no-such-tag", v1.PullAlways),
		with("invalid", "upper/CASE:1", v1.PullIfNotPresent),
		with("never", "registry.k8s.io/no/such:local", v1.PullNever),
		with("refused", "127.0.0.1:1/no/registry:1", v1.PullIfNotPresent)))
	for name, want := range map[string]string{
		"unknown": `^(ErrImagePull|ImagePullBackOff) .*registry\.k8s\.io/no/such:image.*(not found|404)`,
		"tag":     `^(ErrImagePull|ImagePullBackOff) .*no-such-tag.*(not found|404)`,
		"invalid": `^InvalidImageName .*upper/CASE:1`,
		"never":   `^ErrImageNeverPull .*registry\.k8s\.io/no/such:local`,
		"refused": `^(RegistryUnavailable|ImagePullBackOff) .*127\.0\.0\.1:1.*([Ff]ailed to connect|refused)`,
	} {
		p.Until(name+" has failed", func(p *v1.Pod) bool {
			one := status(p, name).State.Waiting
			return one != nil && one.Reason != "ContainerCreating"
		})
		s.Matches(name, describeState(status(p.Now(), name)), want)
	}
	p.Until("backs off", func(p *v1.Pod) bool { return status(p, "unknown").State.Waiting.Reason == "ImagePullBackOff" })
}
