package streaming

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/remotecommand"
)

func rate(size int64, begin time.Time) string {
	took := time.Since(begin)
	return fmt.Sprintf("%d MiB in %v: %.0f MiB/s", size>>20, took.Round(10*time.Millisecond), float64(size>>20)/took.Seconds())
}

// What kubectl cp does, in both directions.
func TestCopy(t *testing.T) {
	size := int64(100 << 20)
	if *full {
		size = 1 << 30
	}
	sum := sumOfNoise(size)
	for _, wire := range newest {
		t.Run(wire.name, func(t *testing.T) {
			begin := time.Now()
			reader, writer := io.Pipe()
			session := wire.Exec(remotecommand.StreamOptions{Stdout: writer}, program, "tar-out", fmt.Sprint(size))
			go func() { writer.CloseWithError(session.Wait()) }()
			got, count := readTar(reader)
			if got != sum || count != size {
				t.Errorf("out of the container: %d bytes, sum %s, want %d, %s", count, got, size, sum)
			}
			session.WantCode(t, 0)
			t.Logf("out: %s", rate(size, begin))

			begin = time.Now()
			stdin, archive := io.Pipe()
			session = wire.Sh(remotecommand.StreamOptions{Stdin: stdin}, "exec "+program+" tar-in")
			go func() { archive.CloseWithError(writeTar(archive, size)) }()
			session.WantCode(t, 0)
			want(t, "into the container", session.Out.String(), fmt.Sprintf("%s %d\n", sum, size))
			t.Logf("in: %s", rate(size, begin))
		})
	}
}

// One that doesn't read waits, with what it runs; nobody else does.
func TestExecSlowReader(t *testing.T) {
	for _, wire := range newest {
		slow := &gate{open: make(chan struct{})}
		session := wire.Sh(remotecommand.StreamOptions{Stdout: slow}, "yes xxxxxxxxxxxxxxx | head -c 50000000; echo end >&2")
		for _, other := range newest {
			quick := other.Exec(remotecommand.StreamOptions{}, "echo", "hello")
			quick.WantCode(t, 0)
			want(t, "beside a slow reader", quick.Out.String(), "hello\n")
		}
		if session.Err.Has("end") {
			t.Errorf("%s: the command ended though nobody takes its output", wire.name)
		}
		close(slow.open)
		session.WantCode(t, 0)
		if slow.count != 50_000_000 {
			t.Errorf("%s: %d bytes came", wire.name, slow.count)
		}
	}
}

func TestHundredAtOnce(t *testing.T) {
	begin := time.Now()
	var sessions []*Session
	var keyboards []*io.PipeWriter
	for i := range 100 {
		stdin, keyboard := Pipe()
		script := fmt.Sprintf("echo ready; read x; echo $x %d; exit %d", i, i)
		sessions = append(sessions, newest[i%2].Sh(remotecommand.StreamOptions{Stdin: stdin}, script))
		keyboards = append(keyboards, keyboard)
	}
	for _, session := range sessions {
		session.Out.Await(t, "ready\n")
	}
	open := time.Since(begin)
	for i, session := range sessions {
		io.WriteString(keyboards[i], "go\n")
		session.WantCode(t, i)
		want(t, "one of a hundred", session.Out.String(), fmt.Sprintf("ready\ngo %d\n", i))
		keyboards[i].Close()
	}
	t.Logf("all open after %v, over after %v", open.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
}

// slack is what fragments of free memory may come to, in KiB; a session's smallest leak is more after a thousand.
const slack = 128

// Usage is what a process holds.
type Usage struct{ fds, threads, kilobytes int }

func (u Usage) String() string {
	return fmt.Sprintf("%d fds, %d threads, %d KiB", u.fds, u.threads, u.kilobytes)
}

func usageOf(pid int) (usage Usage) {
	usage.fds = len(must(os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))))
	for _, line := range strings.Split(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)))), "\n") {
		fmt.Sscanf(line, "Threads: %d", &usage.threads)
		fmt.Sscanf(line, "RssAnon: %d", &usage.kilobytes)
	}
	return usage
}

// abort is a client that goes at some point of a session, in one of many ways.
func abort(t *testing.T, how int) {
	switch how % 8 {
	case 0: // after the upgrade, by a reset
		_, connection := upgrade(t, ExecURL(outputs, "sleep", "44461"), asSpdy)
		connection.(*net.TCPConn).SetLinger(0)
		connection.Close()
	case 1: // with nonsense
		_, connection := upgrade(t, ExecURL(outputs, "sleep", "44461"), asSpdy)
		io.WriteString(connection, "this is no SPDY at all")
		connection.Close()
	case 2: // in the middle of a frame
		_, connection := upgrade(t, ExecURL(outputs, "cat"), asWebSocket)
		io.WriteString(connection, "\x82\xff\x00")
		connection.Close()
	case 3, 4: // while the command writes
		session := newest[how%2].Sh(remotecommand.StreamOptions{}, "echo ready; exec yes")
		session.Out.Await(t, "ready")
		session.Vanish()
	case 5: // before the head is whole
		connection := must(net.Dial("tcp", streamingHost()))
		io.WriteString(connection, "GET /exec/0 HTTP/1.1\r\n")
		connection.Close()
	case 6: // attached
		_, connection := upgrade(t, AttachURL(node.container, outputs), asWebSocket)
		connection.(*net.TCPConn).SetLinger(0)
		connection.Close()
	case 7: // with a connection into the pod
		name := []string{"SPDY", "tunnel"}[how/8%2]
		connection, _, err := forwardDialers[name](ForwardURL()).Dial("portforward.k8s.io")
		check(err)
		_, data := pair(connection, "9001")
		io.WriteString(data, "x")
		io.ReadFull(data, make([]byte, 1))
		connection.Close()
	}
}

func abortMany(t *testing.T, count int) {
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := worker; i < count; i += 8 {
				abort(t, i)
			}
		})
	}
	group.Wait()
}

func TestAbortedSessionsLeaveNothing(t *testing.T) {
	count := 1_000
	if *full {
		count = 10_000
	}
	startServer(t)
	shim, daemon := node.ShimPid(node.pod), node.daemon.Process.Pid
	measure := func() (Usage, Usage, int) { return usageOf(daemon), usageOf(shim), processes() }
	// Memory that is free goes back to the kernel a moment after the last request.
	settle := func(enough func() bool) bool {
		return eventually(func() bool { return !runs("yes") && !runs("sleep 44461") }) && eventually(enough)
	}
	abortMany(t, count/5) // threads, tables and free lists grow to what they need once
	var daemonBefore, shimBefore Usage
	var before int
	settle(func() bool {
		daemonBefore, shimBefore, before = measure()
		time.Sleep(1500 * time.Millisecond)
		d, s, p := measure()
		return d == daemonBefore && s == shimBefore && p == before
	})
	begin := time.Now()
	abortMany(t, count)
	took := time.Since(begin)
	var daemonAfter, shimAfter Usage
	var after int
	if !settle(func() bool {
		daemonAfter, shimAfter, after = measure()
		return after <= before && shimAfter.fds <= shimBefore.fds && daemonAfter.fds <= daemonBefore.fds &&
			shimAfter.threads <= shimBefore.threads && daemonAfter.threads <= daemonBefore.threads &&
			shimAfter.kilobytes <= shimBefore.kilobytes+slack && daemonAfter.kilobytes <= daemonBefore.kilobytes+2*slack
	}) {
		t.Error("something is left behind")
	}
	t.Logf("%d aborted sessions in %v\n  cradled: %v, then %v\n  shim: %v, then %v\n  processes: %d, then %d", count,
		took.Round(time.Millisecond), daemonBefore, daemonAfter, shimBefore, shimAfter, before, after)
}
