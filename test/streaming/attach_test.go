package streaming

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"k8s.io/client-go/tools/remotecommand"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func startShell(t *testing.T, config *cri.ContainerConfig, script string) string {
	config.Command = []string{"sh", "-c", script}
	container := node.StartContainer(node.pod, config)
	t.Cleanup(func() { node.RemoveContainer(container) })
	return container
}

func exited(container string) bool {
	return node.Status(container).State == cri.ContainerState_CONTAINER_EXITED
}

// An attached client sees what comes from then on, so it types until it sees an answer.
func greet(t *testing.T, session *Session, keyboard io.Writer) {
	t.Helper()
	if !eventually(func() bool {
		io.WriteString(keyboard, "hello\n")
		return session.Out.Has("got hello")
	}) {
		t.Fatalf("attach: no answer: %q", session.Out.String())
	}
}

func TestAttachSeveral(t *testing.T) {
	container := startShell(t, &cri.ContainerConfig{Stdin: true, StdinOnce: true},
		"while read x; do echo got $x; echo err $x >&2; done; echo end")
	var sessions []*Session
	var keyboards []*io.PipeWriter
	for i := range 6 {
		stdin, keyboard := Pipe()
		session := newest[i%2].Attach(container, remotecommand.StreamOptions{Stdin: stdin})
		greet(t, session, keyboard)
		sessions, keyboards = append(sessions, session), append(keyboards, keyboard)
	}
	io.WriteString(keyboards[0], "word\n")
	for _, session := range sessions {
		session.Out.Await(t, "got word\n")
		session.Err.Await(t, "err word\n")
	}
	for _, keyboard := range keyboards { // the first one's end is the end of the container's stdin
		keyboard.Close()
	}
	for i, session := range sessions {
		session.WantCode(t, 0)
		if !strings.HasSuffix(session.Out.String(), "end\n") {
			t.Errorf("client %d: the output ends with %q", i, tail(session.Out.String(), 2))
		}
	}
	if !eventually(func() bool { return exited(container) }) {
		t.Error("the container goes on after the end of its stdin")
	}
}

func TestAttachWithoutStdinOnce(t *testing.T) {
	container := startShell(t, &cri.ContainerConfig{Stdin: true}, "while read x; do echo got $x; done")
	for _, wire := range append(newest, newest...) {
		stdin, keyboard := Pipe()
		session := wire.Attach(container, remotecommand.StreamOptions{Stdin: stdin})
		greet(t, session, keyboard)
		keyboard.Close()
		session.WantCode(t, 0)
	}
	if exited(container) {
		t.Error("the container's stdin ended with a client's")
	}
}

func TestAttachTerminal(t *testing.T) {
	container := startShell(t, &cri.ContainerConfig{Stdin: true, Tty: true}, "while read x; do echo got $x; stty size; done")
	for i, wire := range newest {
		window := make(sizes, 1)
		window <- remotecommand.TerminalSize{Width: uint16(90 + i), Height: 30}
		stdin, keyboard := Pipe()
		session := wire.Attach(container, remotecommand.StreamOptions{Stdin: stdin, Tty: true, TerminalSizeQueue: window})
		if !eventually(func() bool {
			io.WriteString(keyboard, "hello\n")
			return session.Out.Has(fmt.Sprintf("30 %d\r\n", 90+i))
		}) {
			t.Errorf("%s: the terminal doesn't get its size: %q", wire.name, session.Out.String())
		}
		session.Vanish()
		keyboard.Close()
		close(window)
	}
	if exited(container) {
		t.Error("the container went with its client")
	}
}

// gate is a stdout that takes nothing until it is opened.
type gate struct {
	open  chan struct{}
	count int
}

func (g *gate) Write(bytes []byte) (int, error) {
	<-g.open
	g.count += len(bytes)
	return len(bytes), nil
}

// Who doesn't read loses the attachment, and holds up neither the container nor its log.
func TestAttachSlowReader(t *testing.T) {
	const lines = 600_000 // of 100 bytes: more than the sockets on the way (tcp_rmem, tcp_wmem: 38 MB) and our queue hold
	for _, wire := range newest {
		container := startShell(t, &cri.ContainerConfig{Stdin: true},
			fmt.Sprintf("while read x; do echo got $x; [ $x = go ] && break; done; yes %099d | head -n %d; echo end", 0, lines))
		stdin, keyboard := Pipe()
		reader := wire.Attach(container, remotecommand.StreamOptions{Stdin: stdin})
		greet(t, reader, keyboard)
		// The slow one is attached when the container has seen what it typed.
		slow := &gate{open: make(chan struct{})}
		slowIn, slowKeyboard := Pipe()
		sleeper := wire.Attach(container, remotecommand.StreamOptions{Stdin: slowIn, Stdout: slow})
		io.WriteString(slowKeyboard, "slow\n")
		reader.Out.Await(t, "got slow\n")
		io.WriteString(keyboard, "go\n")
		if !eventually(func() bool { return exited(container) }) {
			t.Fatalf("%s: the container is held up by a client that doesn't read", wire.name)
		}
		keyboard.Close()
		close(slow.open)
		err := sleeper.Wait()
		slowKeyboard.Close()
		if err == nil || !strings.Contains(err.Error(), "reads too slowly") {
			t.Errorf("%s: the slow reader's session ended with %v", wire.name, err)
		}
		log := must(os.Open(node.Status(container).LogPath))
		count, last := 0, ""
		for scanner := bufio.NewScanner(log); scanner.Scan(); count++ {
			last = scanner.Text()
		}
		log.Close()
		if count < lines || !strings.HasSuffix(last, " end") {
			t.Errorf("%s: the log has %d lines and ends with %q", wire.name, count, last)
		}
		t.Logf("%s: %d lines in the log, %d bytes went to the client that didn't read", wire.name, count, slow.count)
	}
}
