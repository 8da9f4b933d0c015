package streaming

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/streaming/pkg/httpstream"
)

// Wire is one of the ways in which client-go speaks to an exec or attach URL.
type Wire struct {
	name      string
	first     bool // version 1, whose client may miss the status
	structure bool // the status is a structure: exit codes are numbers
	halfClose bool // the end of stdin can be told
	executor  func(url string) remotecommand.Executor
}

func spdyWire(protocols ...string) Wire {
	newest := protocols[0]
	return Wire{
		name: "SPDY " + newest, first: newest == "channel.k8s.io", structure: newest > "v4", halfClose: newest > "v2",
		executor: func(address string) remotecommand.Executor {
			target := must(url.Parse(address))
			transport, upgrader, err := spdy.RoundTripperFor(config(address))
			check(err)
			return must(remotecommand.NewSPDYExecutorForProtocols(transport, upgrader, "POST", target, protocols...))
		},
	}
}

func webSocketWire(protocol string) Wire {
	return Wire{
		name: "WebSocket " + protocol, first: protocol == "channel.k8s.io", structure: protocol > "v4", halfClose: protocol > "v5",
		executor: func(address string) remotecommand.Executor {
			return must(remotecommand.NewWebSocketExecutorForProtocols(config(address), "GET", address, protocol))
		},
	}
}

var (
	spdyV5      = spdyWire("v5.channel.k8s.io", "v4.channel.k8s.io") // as kubelet and crictl offer it
	webSocketV5 = webSocketWire("v5.channel.k8s.io")
	newest      = []Wire{spdyV5, webSocketV5}
	wires       = append([]Wire{spdyWire("channel.k8s.io"), spdyWire("v2.channel.k8s.io"), spdyWire("v3.channel.k8s.io"),
		spdyWire("v4.channel.k8s.io"), webSocketWire("channel.k8s.io"), webSocketWire("v4.channel.k8s.io")}, newest...)
)

// clientTLS is how the clients meet a server with TLS.
var clientTLS rest.TLSClientConfig

func config(address string) *rest.Config {
	target := must(url.Parse(address))
	return &rest.Config{Host: target.Scheme + "://" + target.Host, TLSClientConfig: clientTLS}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

// ExecURL is for a command in the shared container whose streams are those of `options`.
func ExecURL(options remotecommand.StreamOptions, command ...string) string {
	answer, err := node.runtime.Exec(soon(), &cri.ExecRequest{
		ContainerId: node.container, Cmd: command, Tty: options.Tty,
		Stdin: options.Stdin != nil, Stdout: options.Stdout != nil, Stderr: options.Stderr != nil})
	check(err)
	return answer.Url
}

func AttachURL(container string, options remotecommand.StreamOptions) string {
	answer, err := node.runtime.Attach(soon(), &cri.AttachRequest{
		ContainerId: container, Tty: options.Tty,
		Stdin: options.Stdin != nil, Stdout: options.Stdout != nil, Stderr: options.Stderr != nil})
	check(err)
	return answer.Url
}

func ForwardURL(ports ...int32) string {
	answer, err := node.runtime.PortForward(soon(), &cri.PortForwardRequest{PodSandboxId: node.pod, Port: ports})
	check(err)
	return answer.Url
}

// Session is an exec or attach under way.
type Session struct {
	Out, Err Text
	cancel   context.CancelFunc
	over     chan struct{}
	err      error
}

// Begin runs a session in the background; without a Stdout its output is kept in Out and Err.
func (w Wire) Begin(address func(remotecommand.StreamOptions) string, options remotecommand.StreamOptions) *Session {
	session := &Session{over: make(chan struct{})}
	if options.Stdout == nil {
		options.Stdout = &session.Out
	}
	if options.Stderr == nil && !options.Tty {
		options.Stderr = &session.Err
	}
	var ctx context.Context
	ctx, session.cancel = context.WithTimeout(context.Background(), 10*patience)
	executor := w.executor(address(options))
	go func() {
		defer close(session.over)
		session.err = executor.StreamWithContext(ctx, options)
	}()
	return session
}

func (w Wire) Exec(options remotecommand.StreamOptions, command ...string) *Session {
	return w.Begin(func(o remotecommand.StreamOptions) string { return ExecURL(o, command...) }, options)
}

func (w Wire) Sh(options remotecommand.StreamOptions, script string) *Session {
	return w.Exec(options, "sh", "-c", script)
}

func (w Wire) Attach(container string, options remotecommand.StreamOptions) *Session {
	return w.Begin(func(o remotecommand.StreamOptions) string { return AttachURL(container, o) }, options)
}

// Wait is how the session ended: nil for success.
func (s *Session) Wait() error {
	<-s.over
	s.cancel()
	return s.err
}

// Vanish is a client that goes without a word.
func (s *Session) Vanish() {
	s.cancel()
	<-s.over
}

// WantCode fails the test unless the session ended with this exit code.
func (s *Session) WantCode(t *testing.T, code int) {
	t.Helper()
	err := s.Wait()
	var exit exec.CodeExitError
	if code == 0 && err == nil || errors.As(err, &exit) && exit.Code == code {
		return
	}
	t.Errorf("ended with %v, want code %d; stderr %q", err, code, s.Err.String())
}

// Text is a writer that can be read while it is written.
type Text struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (t *Text) Write(bytes []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.text.Write(bytes)
}

func (t *Text) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.text.String()
}

func (t *Text) Has(part string) bool { return strings.Contains(t.String(), part) }

func (t *Text) Await(test *testing.T, part string) {
	test.Helper()
	if !eventually(func() bool { return t.Has(part) }) {
		test.Fatalf("%q doesn't come: %q", part, t.String())
	}
}

func want(t *testing.T, what, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: %q, want %q", what, got, wanted)
	}
}

// Pipe is a stdin that a test writes when it likes.
func Pipe() (io.Reader, *io.PipeWriter) {
	reader, writer := io.Pipe()
	return reader, writer
}

// forwardDialers are the two that kubectl port-forward tries: SPDY inside WebSocket, then bare.
var forwardDialers = map[string]func(address string) httpstream.Dialer{
	"tunnel": func(address string) httpstream.Dialer {
		return must(portforward.NewSPDYOverWebsocketDialerForStreaming(must(url.Parse(address)), config(address)))
	},
	"SPDY": func(address string) httpstream.Dialer {
		transport, upgrader, err := spdy.RoundTripperFor(config(address))
		check(err)
		return spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, "POST", must(url.Parse(address)))
	},
}
