package streaming

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/remotecommand"
)

func TestExec(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire.name, func(t *testing.T) {
			code := 3
			if wire.first {
				code = 0
			}
			session := wire.Sh(remotecommand.StreamOptions{Stdin: strings.NewReader("hello")},
				fmt.Sprintf("head -c 5; echo bad >&2; exit %d", code))
			if wire.first || wire.structure {
				session.WantCode(t, code)
			} else if err := session.Wait(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
				t.Errorf("ended with %v", err)
			}
			want(t, "stdout", session.Out.String(), "hello")
			want(t, "stderr", session.Err.String(), "bad\n")
		})
	}
}

func TestExecSucceeds(t *testing.T) {
	for _, wire := range wires {
		session := wire.Exec(remotecommand.StreamOptions{}, "true")
		if err := session.Wait(); err != nil {
			t.Errorf("%s: %v", wire.name, err)
		}
	}
}

func TestExecEndOfInput(t *testing.T) {
	for _, wire := range wires {
		if !wire.halfClose {
			continue
		}
		session := wire.Sh(remotecommand.StreamOptions{Stdin: strings.NewReader("hello")}, "cat; echo after")
		session.WantCode(t, 0)
		want(t, wire.name, session.Out.String(), "helloafter\n")
	}
}

// A client that keeps stdin open doesn't keep the session.
func TestExecEndsWithItsCommand(t *testing.T) {
	for _, wire := range newest {
		stdin, keyboard := Pipe()
		session := wire.Exec(remotecommand.StreamOptions{Stdin: stdin}, "echo", "hello")
		session.WantCode(t, 0)
		want(t, wire.name, session.Out.String(), "hello\n")
		keyboard.Close()
	}
}

func TestExecMissingProgram(t *testing.T) {
	for _, wire := range newest {
		session := wire.Exec(remotecommand.StreamOptions{}, "/no/such/program")
		if err := session.Wait(); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
			t.Errorf("%s: ended with %v", wire.name, err)
		}
	}
}

// sizes are what a terminal becomes, one after the other.
type sizes chan remotecommand.TerminalSize

func (s sizes) Next() *remotecommand.TerminalSize {
	size, more := <-s
	if !more {
		return nil
	}
	return &size
}

func TestExecTerminal(t *testing.T) {
	for _, wire := range append([]Wire{spdyWire("v3.channel.k8s.io")}, newest...) {
		window := make(sizes, 1)
		window <- remotecommand.TerminalSize{Width: 101, Height: 37}
		stdin, keyboard := Pipe()
		session := wire.Sh(remotecommand.StreamOptions{Stdin: stdin, Tty: true, TerminalSizeQueue: window}, `
			tty; echo $TERM
			until [ "$(stty size 2>/dev/null)" = "37 101" ]; do sleep 0.05; done; echo first
			until [ "$(stty size)" = "50 132" ]; do sleep 0.05; done; echo second
			read x; echo typed $x >&2; exit 7`)
		session.Out.Await(t, "first\r\n")
		window <- remotecommand.TerminalSize{Width: 132, Height: 50}
		session.Out.Await(t, "second\r\n")
		io.WriteString(keyboard, "word\r")
		if wire.structure {
			session.WantCode(t, 7)
		} else if err := session.Wait(); err == nil {
			t.Errorf("%s: ended with success", wire.name)
		}
		want(t, wire.name, session.Out.String(), "/dev/pts/0\r\nxterm\r\nfirst\r\nsecond\r\nword\r\ntyped word\r\n")
		keyboard.Close()
		close(window)
	}
}

// Control-C goes the way of the terminal: to the foreground.
func TestExecInterrupt(t *testing.T) {
	for _, wire := range newest {
		stdin, keyboard := Pipe()
		session := wire.Sh(remotecommand.StreamOptions{Stdin: stdin, Tty: true}, "trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done")
		session.Out.Await(t, "ready")
		keyboard.Write([]byte{3})
		session.WantCode(t, 9)
		keyboard.Close()
	}
}

func runs(command string) bool {
	out, _ := node.Run("ps")
	return strings.Contains(out, command)
}

func TestExecGoesWithItsClient(t *testing.T) {
	var sessions []*Session
	for _, wire := range newest {
		stdin, keyboard := Pipe()
		defer keyboard.Close()
		sessions = append(sessions,
			wire.Sh(remotecommand.StreamOptions{Stdin: stdin}, "trap '' HUP PIPE TERM; echo ready; sleep 44441 & wait"),
			wire.Sh(remotecommand.StreamOptions{Stdin: strings.NewReader(""), Tty: true}, "echo ready; exec sleep 44442"),
			wire.Sh(remotecommand.StreamOptions{}, "echo ready; exec sleep 44443"))
	}
	for _, session := range sessions {
		session.Out.Await(t, "ready")
	}
	begin := time.Now()
	for _, session := range sessions {
		session.Vanish()
	}
	if !eventually(func() bool { return !runs("sleep 4444") }) {
		t.Error("a command outlives its client")
	}
	t.Logf("gone with their clients after %v", time.Since(begin).Round(time.Millisecond))
}

func TestExecOutlivesTheDaemon(t *testing.T) {
	var sessions []*Session
	var keyboards []*io.PipeWriter
	for _, wire := range newest {
		stdin, keyboard := Pipe()
		sessions = append(sessions, wire.Sh(remotecommand.StreamOptions{Stdin: stdin}, "read a; echo got $a; read b; echo got $b; exit 4"))
		keyboards = append(keyboards, keyboard)
	}
	for i, session := range sessions {
		io.WriteString(keyboards[i], "one\n")
		session.Out.Await(t, "got one\n")
	}
	node.Kill()
	for i, session := range sessions {
		io.WriteString(keyboards[i], "two\n")
		session.WantCode(t, 4)
		want(t, newest[i].name, session.Out.String(), "got one\ngot two\n")
		keyboards[i].Close()
	}
	node.Start()
	if out, _ := node.Run("echo", "again"); out != "again\n" {
		t.Errorf("after its restart cradled says %q", out)
	}
}
