package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

var faults = []scenario{
	{name: "faults/daemons restarted and killed", run: daemonsRestarted, alone: true},
	{name: "faults/killed in the middle of starts", run: killedInStarts, alone: true},
	{name: "faults/killed in the middle of stops", run: killedInStops, alone: true},
	{name: "faults/killed in the middle of pulls", run: killedInPulls, alone: true},
	{name: "faults/killed in the middle of execs", run: killedInExecs, alone: true},
	{name: "faults/exit while all are away", run: exitWhileAway, alone: true},
	{name: "faults/a shim that is stopped", run: shimStopped, alone: true},
	{name: "many/100 pods at once", run: hundredPods, alone: true},
	{name: "many/evented PLEG", run: eventedPLEG, alone: true},
	{name: "many/image garbage collection", run: imageCollection, alone: true},
	{name: "many/errors in the kubelet's log", run: kubeletLog, alone: true},
}

// herd is pods that must not notice what happens to the daemons.
type herd struct {
	s    *S
	pods []*Pod
	ids  map[string]string // pod: its container
}

func (s *S) herd(name string, n int) *herd {
	h := &herd{s: s, ids: map[string]string{}}
	for i := range n {
		c := sh("main", "i=0; while :; do i=$((i+1)); echo beat $i; sleep 0.5; done")
		c.LivenessProbe = probe(v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"true"}}})
		c.LivenessProbe.FailureThreshold = 3
		p := pod(fmt.Sprintf("%s%d", name, i), c)
		p.Spec.TerminationGracePeriodSeconds = number(0)
		h.pods = append(h.pods, s.Start(p))
	}
	for _, p := range h.pods {
		p.Until("is ready", ready)
		h.ids[p.Name] = p.container("main")
	}
	return h
}

// unharmed: the same containers run, none was restarted, and their logs have every beat.
func (h *herd) unharmed() {
	for _, p := range h.pods {
		p.Until("is ready", ready)
		Equal(h.s, p.Name+"'s container", p.container("main"), h.ids[p.Name])
		Equal(h.s, p.Name+"'s restarts", status(p.Now(), "main").RestartCount, 0)
		h.beats(p)
	}
}

func (h *herd) beats(p *Pod) {
	names, _ := filepath.Glob("/var/log/pods/default_" + p.Name + "-node_*/main/0.log")
	if len(names) != 1 {
		h.s.Wrong("log files of %s: %v", p.Name, names)
		return
	}
	text, _ := os.ReadFile(names[0])
	expected := 1
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, fmt.Sprintf(" stdout F beat %d\n", expected)) {
			h.s.Wrong("%s's log: %q where beat %d belongs", p.Name, line, expected)
			return
		}
		expected++
	}
	h.s.Say("%s: %d beats, none lost", p.Name, expected-1)
}

func daemonsRestarted(s *S) {
	h := s.herd("herd", 4)
	for _, one := range []struct {
		what   string
		daemon daemon
		signal syscall.Signal
	}{{"kubelet restarted", kubelet, syscall.SIGTERM}, {"kubelet killed", kubelet, syscall.SIGKILL},
		{"cradled restarted", cradled, syscall.SIGTERM}, {"cradled killed", cradled, syscall.SIGKILL}} {
		s.restart(one.daemon, one.signal)
		s.Say("%s", one.what)
		h.unharmed()
	}
	s.kill(1, cradled, kubelet)
	s.well()
	s.Say("both killed")
	h.unharmed()
}

// kill daemons again and again while something goes on, at other moments each time; they run again in the end. A kubelet
// that finds no runtime when it starts ends, so cradled comes first.
func (s *S) kill(times int, daemons ...daemon) {
	for i := range times {
		time.Sleep(time.Duration(150+170*i) * time.Millisecond)
		for _, d := range daemons {
			s.Must(d.end(syscall.SIGKILL))
		}
		for _, d := range daemons {
			s.Must(d.start())
			if !until(patience, d.answers) {
				s.Fail("%s does not answer", d.name)
			}
		}
		if !healthy() {
			s.Wrong("the kubelet's healthz is not ok")
		}
	}
	for _, d := range daemons {
		s.Say("%s was killed %d times", d.name, times)
	}
}

// killEach in turn, then both at once.
func (s *S) killEach() {
	s.kill(4, cradled)
	s.kill(1, kubelet)
	s.kill(2, cradled, kubelet)
}

func (s *S) starting(name string, n int, image string) (pods []*Pod) {
	for i := range n {
		c := sh("main", "while :; do sleep 1000; done")
		if image != "" {
			c.Image, c.ImagePullPolicy = image, v1.PullAlways
		}
		p := pod(fmt.Sprintf("%s%d", name, i), c)
		p.Spec.TerminationGracePeriodSeconds = number(0)
		pods = append(pods, s.Start(p))
	}
	return pods
}

func killedInStarts(s *S) {
	pods := s.starting("starts", 12, "")
	s.killEach()
	for _, p := range pods {
		p.Ready()
	}
	s.well()
	for _, p := range pods {
		s.Until(p.Name+" has one sandbox", func() (string, bool) {
			return fmt.Sprint(p.readySandboxes(), " ready"), p.readySandboxes() == 1
		})
	}
}

func killedInStops(s *S) {
	pods := s.starting("stops", 12, "")
	for _, p := range pods {
		p.Ready()
	}
	for _, p := range pods {
		p.Withdraw()
	}
	s.killEach()
	for _, p := range pods {
		s.Until(p.Name+" is gone", func() (string, bool) {
			ready := p.readySandboxes()
			return fmt.Sprint(ready, " sandboxes ready"), ready == 0 && podNow(p.Name) == nil
		})
	}
}

func killedInPulls(s *S) {
	const image = "registry.k8s.io/e2e-test-images/httpd:2.4.39-4"
	images().RemoveImage(within(patience), &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: image}})
	pods := s.starting("pulls", 4, image)
	s.killEach()
	for _, p := range pods {
		p.Ready()
	}
	s.Until("nothing half-made is left", func() (string, bool) { // a pull may outlive the kubelet that asked for it
		left, _ := os.ReadDir("/var/lib/cradle/images/tmp")
		return fmt.Sprint(len(left), " in tmp"), len(left) == 0
	})
}

// A session that is under way belongs to the pod's helper: it goes on without the daemon. The kubelet stands between
// the client and it, so the kubelet lives.
func killedInExecs(s *S) {
	p := s.Start(pod("execs", idle("main")))
	p.Ready()
	typed, type_ := io.Pipe()
	var out watched
	ended := make(chan error, 1)
	go func() {
		_, err := p.session(newWebSocket, "exec", "main", remotecommand.StreamOptions{Stdin: typed, Stdout: &out}, "cat")
		ended <- err
	}()
	said := func(text string) {
		fmt.Fprintln(type_, text)
		s.Until("the session echoes", func() (string, bool) {
			return strings.ReplaceAll(strings.TrimSpace(out.String()), "\n", " "), strings.Contains(out.String(), text)
		})
	}
	said("before")
	s.kill(3, cradled)
	said("after")
	type_.Close()
	select {
	case err := <-ended:
		s.Must(err)
	case <-time.After(patience):
		s.Wrong("the session does not end")
	}
	// Probes and hooks go by ExecSync, which the daemon's death breaks off: the kubelet asks again.
	Equal(s, "restarts", status(p.Now(), "main").RestartCount, 0)
}

func exitWhileAway(s *S) {
	p := pod("away", sh("main", "while [ ! -e /go/on ]; do sleep 0.1; done; echo last words; exit 42"))
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	dir := s.folder("away")
	mount(p, hostPathVolume("go", dir, v1.HostPathDirectory), "/go")
	started := s.Start(p)
	started.Ready()
	pid := started.pid("main")
	s.Must(kubelet.end(syscall.SIGKILL))
	s.Must(cradled.end(syscall.SIGKILL))
	s.Must(os.WriteFile(dir+"/on", nil, 0o644))
	s.Until("it has ended", func() (string, bool) {
		_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		return "while nobody looked", err != nil
	})
	s.Must(start(cradled, kubelet))
	now := started.Phase(v1.PodFailed)
	Equal(s, "main", describeState(status(now, "main")), "Error 42")
	s.Matches("log", started.logs("main", ""), "^last words$")
}

func shimStopped(s *S) {
	h := s.herd("beside", 3)
	c := idle("main")
	sick := s.Start(pod("sick", c))
	sick.Ready()
	sandbox := sick.sandboxes()[0].Id
	shim := 0
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range lines {
		line, _ := os.ReadFile(file)
		if strings.HasPrefix(string(line), "cradle-shim\x00") && strings.Contains(string(line), sandbox) {
			fmt.Sscanf(file, "/proc/%d/", &shim)
		}
	}
	if shim == 0 {
		s.Fail("no shim of %s", sandbox)
	}
	s.Must(syscall.Kill(shim, syscall.SIGSTOP))
	s.Defer(func() { syscall.Kill(shim, syscall.SIGCONT) })
	s.Say("its shim (%d) is stopped", shim)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	_, err := runtime().ExecSync(ctx, &cri.ExecSyncRequest{ContainerId: sick.container("main"), Cmd: []string{"true"}, Timeout: 2})
	cancel()
	s.Want(err != nil, "an exec into it: %v", err)
	before := relists()
	p := s.Start(pod("newcomer", idle("main")))
	p.Ready()
	Equal(s, "exec into another", p.Run("main", "echo", "hello"), "hello")
	h.unharmed()
	after := relists()
	s.Say("relists meanwhile: %s", after.since(before))
	s.Want(healthy(), "healthz is ok")
	s.Must(syscall.Kill(shim, syscall.SIGCONT))
	s.Until("it is well again", func() (string, bool) {
		out, code := sick.Try("main", "echo", "hello")
		return out, code == 0
	})
}

// --- the kubelet's own figures ---

type relistCount struct {
	all, under float64 // under 100 ms
	seconds    float64
}

func relists() (r relistCount) {
	text, _ := get(readOnly + "/metrics")
	for begin, to := range map[string]*float64{"kubelet_pleg_relist_duration_seconds_count": &r.all,
		`kubelet_pleg_relist_duration_seconds_bucket{le="0.1"}`: &r.under, "kubelet_pleg_relist_duration_seconds_sum": &r.seconds} {
		value, _ := metric(text, begin)
		fmt.Sscan(value, to)
	}
	return r
}

func (r relistCount) since(before relistCount) string {
	all := r.all - before.all
	return fmt.Sprintf("%.0f, %.1f ms each, %.0f of them under 100 ms", all, 1000*(r.seconds-before.seconds)/max(all, 1), r.under-before.under)
}

// operations is how long the kubelet's calls of the runtime took until now, by their kind.
type operations map[string]operation

type operation struct{ calls, seconds float64 }

func operationsNow() operations {
	text, _ := get(readOnly + "/metrics")
	const name = "kubelet_runtime_operations_duration_seconds"
	found := operations{}
	for line := range strings.Lines(text) {
		labels, sum, ok := strings.Cut(strings.TrimPrefix(line, name+"_sum"), " ")
		if !ok || !strings.HasPrefix(line, name+"_sum{") {
			continue
		}
		count, _ := metric(text, name+"_count"+labels)
		var one operation
		fmt.Sscan(sum, &one.seconds)
		fmt.Sscan(count, &one.calls)
		found[strings.Trim(strings.TrimPrefix(labels, "{operation_type="), `"}`)] = one
	}
	return found
}

func (o operations) since(before operations) string {
	var words []string
	for kind, one := range o {
		if calls := one.calls - before[kind].calls; calls > 0 {
			words = append(words, fmt.Sprintf("%s %.0f of %.1f ms", kind, calls, 1000*(one.seconds-before[kind].seconds)/calls))
		}
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// The figure is printed, not judged: another's load must not fail this. That the PLEG is healthy is judged in the end.
func hundredPods(s *S) {
	before, asked, begin := relists(), operationsNow(), time.Now()
	var pods []*Pod
	for i := range 100 {
		p := pod(fmt.Sprintf("many%d", i), sh("main", "exec sleep 1000000"))
		p.Spec.TerminationGracePeriodSeconds = number(0)
		pods = append(pods, s.start(p))
	}
	s.Say("%d pods", len(pods))
	s.UntilIn(3*patience, "all are ready", func() (string, bool) {
		n := 0
		for _, p := range pods {
			if now := p.Now(); now != nil && ready(now) {
				n++
			}
		}
		return fmt.Sprintf("%d after %.1f s", n, time.Since(begin).Seconds()), n == len(pods)
	})
	s.Say("relists while they started: %s", relists().since(before))
	s.Say("the kubelet's calls meanwhile: %s", operationsNow().since(asked))
	before, asked = relists(), operationsNow()
	s.UntilIn(patience, "ten relists at rest", func() (string, bool) {
		return relists().since(before), relists().all-before.all >= 10
	})
	s.Say("the kubelet's calls at rest: %s", operationsNow().since(asked))
	begin = time.Now()
	for _, p := range pods {
		p.Withdraw()
	}
	s.UntilIn(3*patience, "all have ended", func() (string, bool) {
		return fmt.Sprintf("%d run after %.1f s", running(), time.Since(begin).Seconds()), running() == 0
	})
}

func eventedPLEG(s *S) {
	s.Kubelet(gates(map[string]bool{"EventedPLEG": true}))
	p := pod("evented", idle("main"), sh("short", "sleep 2; exit 5"))
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	started := s.Start(p)
	now := started.Until("has one that ended", func(p *v1.Pod) bool { return status(p, "short").State.Terminated != nil })
	Equal(s, "short", describeState(status(now, "short")), "Error 5")
	for _, run := range []func(*S){twoContainers, initContainers, sidecars, exitCodes} {
		run(s)
	}
	text, err := get(readOnly + "/metrics")
	s.Must(err)
	connected, _ := metric(text, "kubelet_evented_pleg_connection_success_count")
	failed, _ := metric(text, "kubelet_evented_pleg_connection_error_count")
	s.Want(connected != "" && connected != "0" && (failed == "" || failed == "0"), "connections to the event stream: %s, failed: %s", connected, failed)
}

// The kubelet collects images under pressure of the disk, which it has when all but nothing must be free.
func imageCollection(s *S) {
	unused := "registry.k8s.io/e2e-test-images/nginx:1.14-2"
	_, err := images().PullImage(within(patience), &cri.PullImageRequest{Image: &cri.ImageSpec{Image: unused}})
	s.Must(err)
	critical := int32(2000001000) // system-node-critical: not to be evicted
	p := pod("keeps", idle("main"))
	p.Spec.Priority, p.Spec.PriorityClassName = &critical, "system-node-critical"
	s.Start(p).Ready()
	list := func() map[string]uint64 {
		found := map[string]uint64{}
		reply, err := images().ListImages(within(patience), &cri.ListImagesRequest{})
		s.Must(err)
		for _, one := range reply.Images {
			for _, tag := range append(one.RepoTags, one.RepoDigests...) {
				found[tag] = one.Size
			}
		}
		return found
	}
	used := func() uint64 {
		reply, err := images().ImageFsInfo(within(patience), &cri.ImageFsInfoRequest{})
		s.Must(err)
		return reply.ImageFilesystems[0].UsedBytes.Value
	}
	before, size := used(), list()[unused]
	s.Say("%d images in %d bytes; %s has %d", len(list()), before, unused, size)
	s.Kubelet(settings{"evictionHard": map[string]any{"imagefs.available": "99.99%"}, "imageMinimumGCAge": "1ms",
		"evictionPressureTransitionPeriod": "1s"})
	s.Until("the unused are gone", func() (string, bool) {
		now := list()
		_, there := now[unused]
		return fmt.Sprint(len(now), " images"), !there
	})
	_, there := list()[busybox]
	s.Want(there, "the one in use is there")
	s.Until("their bytes are free", func() (string, bool) {
		now := used()
		return fmt.Sprintf("%d of %d bytes", before-now, before), now < before
	})
}

// errorAnswer is a line of the kubelet's log about the runtime: a call that failed, or the PLEG.
var errorAnswer = regexp.MustCompile(`^[EF]\d{4} .*\] (".* from (runtime|image) service failed".*|.*PLEG.*)`)

// Error lines about the runtime in the kubelet's log, but for those that known-errors.txt explains.
func kubeletLog(s *S) {
	list, err := os.ReadFile(source + "/known-errors.txt")
	s.Must(err)
	var known []*regexp.Regexp
	for line := range strings.Lines(string(list)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			known = append(known, regexp.MustCompile(line))
		}
	}
	text, err := os.ReadFile(kubelet.logFile())
	s.Must(err)
	seen := 0
	for line := range strings.Lines(string(text)) {
		match := errorAnswer.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		seen++
		if !slices.ContainsFunc(known, func(one *regexp.Regexp) bool { return one.MatchString(match[1]) }) {
			s.Wrong("%.500s", match[1])
		}
	}
	s.Say("%d error lines about the runtime", seen)
}
