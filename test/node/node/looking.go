package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
)

var looking = []scenario{
	{name: "looking/exec over SPDY", run: func(s *S) { execs(s, newSPDY) }},
	{name: "looking/exec over WebSocket", run: func(s *S) { execs(s, newWebSocket) }},
	{name: "looking/attach over SPDY", run: func(s *S) { attach(s, newSPDY) }},
	{name: "looking/attach over WebSocket", run: func(s *S) { attach(s, newWebSocket) }},
	{name: "looking/port-forward over SPDY", run: func(s *S) { portForward(s, dialSPDY) }},
	{name: "looking/port-forward over WebSocket", run: func(s *S) { portForward(s, dialWebSocket) }},
	{name: "looking/logs", run: logs},
	{name: "looking/logs followed to the end", run: logsFollowed},
	{name: "looking/logs through rotation", run: logsRotated},
	{name: "looking/device plugin", run: devicePlugin},
}

// --- exec and attach ---

var remote = &rest.Config{Host: secure, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}

type newExecutor func(url *url.URL) (remotecommand.Executor, error)

func newSPDY(url *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewSPDYExecutor(remote, "POST", url)
}

func newWebSocket(url *url.URL) (remotecommand.Executor, error) {
	return remotecommand.NewWebSocketExecutor(remote, "GET", url.String())
}

// session runs it with what the options ask for; the exit code is -1 when it did not come so far.
func (p *Pod) session(connect newExecutor, verb, container string, options remotecommand.StreamOptions, command ...string) (int, error) {
	query := url.Values{"command": command}
	for name, wanted := range map[string]bool{"input": options.Stdin != nil, "output": options.Stdout != nil,
		"error": options.Stderr != nil, "tty": options.Tty} {
		if wanted {
			query.Set(name, "1")
		}
	}
	target, _ := url.Parse(fmt.Sprintf("%s/%s/default/%s-%s/%s?%s", secure, verb, p.Name, nodeName, container, query.Encode()))
	executor, err := connect(target)
	if err != nil {
		return -1, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err = executor.StreamWithContext(ctx, options)
	if code := (exec.CodeExitError{}); errors.As(err, &code) {
		return code.Code, nil
	}
	if err != nil {
		return -1, err
	}
	return 0, nil
}

// sizes tells one size and then waits, as a terminal that nobody resizes.
type sizes struct {
	first sync.Once
	done  chan struct{}
}

func (q *sizes) Next() (size *remotecommand.TerminalSize) {
	q.first.Do(func() { size = &remotecommand.TerminalSize{Width: 123, Height: 45} })
	if size == nil {
		<-q.done
	}
	return size
}

func execs(s *S, connect newExecutor) {
	p := s.Start(pod(slug(s.name), idle("main")))
	p.Ready()
	var out, err bytes.Buffer
	code, failure := p.session(connect, "exec", "main", remotecommand.StreamOptions{Stdout: &out, Stderr: &err}, "sh", "-c", "echo out; echo err >&2; exit 7")
	s.Must(failure)
	Equal(s, "output", out.String()+err.String(), "out\nerr\n")
	Equal(s, "exit code", code, 7)

	sent := bytes.Repeat([]byte("0123456789abcde\n"), 64<<10)
	out.Reset()
	code, failure = p.session(connect, "exec", "main", remotecommand.StreamOptions{Stdin: bytes.NewReader(sent), Stdout: &out}, "cat")
	s.Must(failure)
	s.Want(code == 0 && bytes.Equal(out.Bytes(), sent), "%d bytes went to cat, %d came back", len(sent), out.Len())

	// A terminal: the size comes by a channel of its own, maybe after the start. The input stays open.
	typed, type_ := io.Pipe()
	queue := &sizes{done: make(chan struct{})}
	out.Reset()
	code, failure = p.session(connect, "exec", "main", remotecommand.StreamOptions{Stdin: typed, Stdout: &out, Tty: true, TerminalSizeQueue: queue},
		"sh", "-c", "tty; until stty size | grep -q '45 123'; do sleep 0.1; done; stty size; exit 3")
	type_.Close()
	close(queue.done)
	s.Must(failure)
	s.Matches("on a terminal", out.String(), `(?s)^/dev/pts/\d+\r\n.*45 123`)
	Equal(s, "exit code", code, 3)

	_, failure = p.session(connect, "exec", "main", remotecommand.StreamOptions{Stdout: &out}, "/no/such/program")
	s.Want(failure != nil || code != 0, "a missing program: %v", failure)
}

// slug makes a pod's name of a scenario's.
func slug(name string) string {
	return strings.Trim(regexp.MustCompile("[^a-z0-9]+").ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// watched is a buffer to read while someone writes it.
type watched struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (w *watched) Write(data []byte) (int, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.text.Write(data)
}

func (w *watched) String() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.text.String()
}

func attach(s *S, connect newExecutor) {
	c := sh("main", "while read line; do echo got $line; [ $line != end ] || exit 4; done")
	c.Stdin = true
	p := pod(slug(s.name), c)
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	started := s.Start(p)
	started.Ready()
	typed, type_ := io.Pipe()
	defer type_.Close()
	var out watched
	ended := make(chan error, 1)
	go func() {
		_, err := started.session(connect, "attach", "main", remotecommand.StreamOptions{Stdin: typed, Stdout: &out})
		ended <- err
	}()
	fmt.Fprintln(type_, "hello")
	s.Until("echoed", func() (string, bool) {
		return strings.TrimSpace(out.String()), strings.Contains(out.String(), "got hello")
	})
	fmt.Fprintln(type_, "end")
	now := started.Until("has ended", func(p *v1.Pod) bool { return status(p, "main").State.Terminated != nil })
	Equal(s, "main", describeState(status(now, "main")), "Error 4")
	select {
	case err := <-ended:
		s.Say("attach has ended: %v", err)
	case <-time.After(patience):
		s.Wrong("attach goes on after the container's end")
	}
	s.Matches("log", started.logs("main", ""), "(?s)got hello\ngot end")
}

// --- port-forward ---

type dial func(url *url.URL) (httpstream.Dialer, error)

func dialSPDY(url *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(remote)
	if err != nil {
		return nil, err
	}
	return spdy.NewDialer(upgrader, &http.Client{Transport: transport}, "POST", url), nil
}

func dialWebSocket(url *url.URL) (httpstream.Dialer, error) {
	return portforward.NewSPDYOverWebsocketDialer(url, remote)
}

func portForward(s *S, dial dial) {
	c := server("main", "-http", "8080", "-tcp", "8081")
	c.ReadinessProbe = probe(v1.ProbeHandler{Exec: &v1.ExecAction{Command: []string{"sh", "-c",
		"/podtool get http://127.0.0.1:8080 && /podtool ask tcp 127.0.0.1:8081 x"}}}) // a port that is refused ends client-go's session
	p := s.Start(withTool(pod(slug(s.name), c)))
	p.Ready()
	target, _ := url.Parse(fmt.Sprintf("%s/portForward/default/%s-%s", secure, p.Name, nodeName))
	dialer, err := dial(target)
	s.Must(err)
	stop, ready := make(chan struct{}), make(chan struct{})
	forwarder, err := portforward.New(dialer, []string{"0:8080", "0:8081", "0:9"}, stop, ready, io.Discard, io.Discard)
	s.Must(err)
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	defer close(stop)
	select {
	case <-ready:
	case err := <-ended:
		s.Fail("port-forward: %v", err)
	case <-time.After(patience):
		s.Fail("port-forward does not become ready")
	}
	ports, err := forwarder.GetPorts()
	s.Must(err)
	local := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i].Local) }
	s.Matches("http", tool("get", "http://"+local(0)), "^well ")
	Equal(s, "tcp", tool("ask", "tcp", local(1), "hello"), p.Name+"-node got hello")
	var group sync.WaitGroup
	var good, all = make(chan string, 20), 20
	for range all {
		group.Go(func() { good <- tool("get", "http://"+local(0)) })
	}
	group.Wait()
	close(good)
	right := 0
	for got := range good {
		if strings.HasPrefix(got, "well ") {
			right++
		}
	}
	Equal(s, "at once", right, all)
	s.Say("a port where nobody listens: %s", tool("ask", "tcp", local(2), "x"))
	why := regexp.MustCompile(fmt.Sprintf("an error occurred forwarding %d -> 9: .*refused.*", ports[2].Local))
	s.Until("the client hears why", func() (string, bool) {
		line := why.FindString(clientErrors.String())
		return line, line != ""
	})
}

// clientErrors is what client-go has to say that no caller hears of.
var clientErrors = func() *watched {
	errors := &watched{}
	utilruntime.ErrorHandlers = append(utilruntime.ErrorHandlers, func(_ context.Context, err error, _ string, _ ...any) {
		fmt.Fprintln(errors, err)
	})
	return errors
}()

// --- logs ---

func logs(s *S) {
	p := s.Start(pod("logs", sh("main", "for i in 1 2 3 4 5; do echo line $i; done; echo to stderr >&2; printf unfinished; "+endless)))
	p.Ready()
	s.Until("all", func() (string, bool) {
		all := p.logs("main", "")
		return strings.ReplaceAll(strings.TrimSpace(all), "\n", ", "), strings.Count(all, "\n") >= 6
	})
	Equal(s, "limitBytes", p.logs("main", "limitBytes=6"), "line 1")
	Equal(s, "sinceSeconds", strings.Count(p.logs("main", "sinceSeconds=3600"), "line"), 5)
	Equal(s, "sinceTime of the future", p.logs("main", "sinceTime="+url.QueryEscape(time.Now().Add(time.Hour).Format(time.RFC3339))), "")
	s.Matches("timestamps", p.logs("main", "timestamps=true&tailLines=1"), `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) `)
	s.Matches("tailLines", p.logs("main", "tailLines=3"), "(?s)^(line 4\nline 5\nto stderr|line 5\nto stderr\nunfinished)$")
}

func logsFollowed(s *S) {
	p := pod("follow", sh("main", "for i in 1 2 3 4 5; do echo line $i; sleep 0.5; done"))
	p.Spec.RestartPolicy = v1.RestartPolicyNever
	started := s.Start(p)
	started.Until("runs", func(p *v1.Pod) bool {
		one := status(p, "main").State
		return one.Running != nil || one.Terminated != nil
	})
	begin := time.Now()
	Equal(s, "followed", strings.ReplaceAll(started.logs("main", "follow=true"), "\n", " "), "line 1 line 2 line 3 line 4 line 5 ")
	s.Say("it ended by itself after %v", time.Since(begin))
	started.Phase(v1.PodSucceeded)
}

// The container writes faster than the kubelet's rotation comes round; what is on the disk in the end must be one run of
// numbers without a gap, each line whole.
func logsRotated(s *S) {
	const pace = "i=0; while [ $i -lt %d ]; do j=0; while [ $j -lt 250 ]; do echo \"line $i of a log that is to be rotated\"; i=$((i+1)); j=$((j+1)); done; sleep 0.1; done; echo done; "
	const lines = 60000
	p := s.Start(pod("rotated", sh("main", fmt.Sprintf(pace, lines)+endless)))
	p.Ready()
	dir := func() string {
		found, _ := filepath.Glob("/var/log/pods/default_rotated-node_*/main")
		if len(found) != 1 {
			s.Fail("log folders: %v", found)
		}
		return found[0]
	}()
	rotations := map[string]bool{}
	var all string
	s.UntilIn(3*patience, "all is written", func() (string, bool) {
		var whole bool
		names := logFiles(dir)
		all, whole = readLogs(names)
		for _, name := range names[1:] {
			rotations[strings.TrimSuffix(strings.TrimSuffix(name, ".tmp"), ".gz")] = true
		}
		whole = whole && slices.Equal(names, logFiles(dir)) // not rotated while we read
		return fmt.Sprintf("%d rotations, %d files, %d bytes", len(rotations), len(names), len(all)), whole && strings.HasSuffix(all, " F done\n")
	})
	s.Want(len(rotations) >= 3, "the kubelet has rotated %d times", len(rotations))
	record := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\S+ stdout F line (\d+) of a log that is to be rotated$`)
	expected, torn := -1, 0
	for line := range strings.Lines(all) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(line, " F done") {
			continue
		}
		match := record.FindStringSubmatch(line)
		if match == nil {
			torn++
			s.Say("torn: %q", line)
			continue
		}
		var number int
		fmt.Sscan(match[1], &number)
		if expected >= 0 && number != expected {
			s.Wrong("line %d follows %d", number, expected-1)
		}
		expected = number + 1
	}
	Equal(s, "torn lines", torn, 0)
	Equal(s, "the last line's number", expected, lines)
}

// logFiles of a container: the one that is written first, then those that were rotated, oldest first.
func logFiles(dir string) []string {
	rotated, _ := filepath.Glob(dir + "/0.log.*")
	slices.Sort(rotated)
	return append([]string{dir + "/0.log"}, rotated...)
}

// readLogs in the order they were written; not whole while one is being compressed.
func readLogs(names []string) (text string, whole bool) {
	for _, name := range names[1:] {
		if strings.HasSuffix(name, ".tmp") || slices.Contains(names, name+".gz") {
			return "", false
		}
		text += readLog(name)
	}
	return text + readLog(names[0]), true
}

func readLog(name string) string {
	data, _ := os.ReadFile(name)
	if strings.HasSuffix(name, ".gz") {
		if unpacker, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
			data, _ = io.ReadAll(unpacker)
		}
	}
	return string(data)
}

// --- devices ---

// devicePlugin has its devices' files mounted by the kubelet, and their nodes and environment made by the runtime, from
// the CDI specification that the plugin writes.
func devicePlugin(s *S) {
	s.Must(os.MkdirAll("/var/run/cdi", 0o755))
	plugin := daemon{name: "device-plugin", args: []string{tools + "/sample-device-plugin"}, env: []string{"CDI_ENABLED=1"}}
	s.Must(plugin.start())
	s.Defer(func() { plugin.end(syscall.SIGTERM) })
	s.Until("the kubelet knows its devices", func() (string, bool) {
		state, _ := os.ReadFile("/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint")
		return fmt.Sprint(len(state), " bytes of state"), bytes.Contains(state, []byte("example.com/resource"))
	})
	two := pod("device", wanting(idle("main"), "", "example.com/resource 1"), wanting(idle("other"), "", "example.com/resource 1"))
	p := s.Start(two)
	p.Ready()
	allocated := map[string]bool{}
	for _, container := range []string{"main", "other"} {
		mounted := p.Sh(container, "cd /tmp; echo Dev-*")
		s.Matches(container+": the plugin's mount", mounted, "^Dev-[12]$")
		Equal(s, container+": the environment by CDI", p.Sh(container, "echo $CDI_DEVICE"), "CDI-"+mounted)
		minor := map[string]string{"Dev-1": "0", "Dev-2": "1"}[mounted]
		Equal(s, container+": the device node by CDI", p.Sh(container, "cd /tmp; stat -c '%n %F %t:%T' CDI-*"), "CDI-"+mounted+" block special file 1:"+minor)
		opened, _ := p.Try(container, "dd", "if=/tmp/CDI-"+mounted, "count=0")
		s.Want(!strings.Contains(opened, "not permitted"), "opening it: %s", opened)
		allocated[mounted] = true
	}
	Equal(s, "devices allocated", len(allocated), 2)
}
