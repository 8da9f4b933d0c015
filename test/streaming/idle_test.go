package streaming

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/remotecommand"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Proxies and NAT between a client and its node drop connections that say nothing for a minute or so. (client-go's SPDY
// and WebSocket version 5 ping by themselves.)
func TestIdleSessionsAreKeptAlive(t *testing.T) {
	if !*full {
		t.Skip("takes 40 s: -full")
	}
	startServer(t)
	spdyPing, webSocketPing := []byte("\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x02"), []byte("\x89\x00")
	forward := with(asSpdy, "X-Stream-Protocol-Version", "portforward.k8s.io")
	tunnel := with(asWebSocket, "Sec-Websocket-Protocol", "SPDY/3.1+portforward.k8s.io")
	channels := with(asWebSocket, "Sec-Websocket-Protocol", "v4.channel.k8s.io")
	var group sync.WaitGroup
	for _, one := range []struct {
		name, address string
		header        http.Header
		ping          []byte
	}{
		{"exec over WebSocket", ExecURL(remotecommand.StreamOptions{Stdin: &bytes.Buffer{}}, "cat"), asWebSocket, webSocketPing},
		{"port-forward over SPDY", ForwardURL(), forward, spdyPing},
		{"port-forward in WebSocket", ForwardURL(), tunnel, webSocketPing},
		{"port-forward over WebSocket", ForwardURL(9001), channels, webSocketPing},
	} {
		group.Go(func() {
			_, connection := upgrade(t, one.address, one.header)
			defer connection.Close()
			var got []byte
			for piece := make([]byte, 4096); !bytes.HasSuffix(got, one.ping); {
				count, err := connection.Read(piece)
				got = append(got, piece[:count]...)
				if err != nil {
					t.Errorf("%s: %v after %q", one.name, err, got)
					return
				}
			}
		})
	}
	group.Wait()
}

// What is sent is data: pings, theirs every 5 s and ours, don't keep a session that nobody uses.
func TestIdleSessionsEnd(t *testing.T) {
	t.Cleanup(func() {
		node.Kill()
		node.Configure("")
		node.Start()
	})
	node.Kill()
	node.Configure("[streaming]\nidle_seconds = 7\n")
	node.Start()
	var sessions []*Session
	for _, wire := range newest {
		stdin, keyboard := Pipe()
		defer keyboard.Close()
		sessions = append(sessions, wire.Exec(remotecommand.StreamOptions{Stdin: stdin}, "sleep", "44481"))
	}
	for i, session := range sessions {
		if err := session.Wait(); err == nil || !strings.Contains(err.Error(), "nothing was sent for too long") {
			t.Errorf("%s: ended with %v", newest[i].name, err)
		}
	}
	if !eventually(func() bool { return !runs("sleep 44481") }) {
		t.Error("a command outlives its session")
	}
}

// A client that is told of the end goes; one that stays is not waited for long.
func TestPodStopsUnderItsSessions(t *testing.T) {
	pod, container := node.pod, node.container
	t.Cleanup(func() { node.pod, node.container = pod, container })
	for _, stays := range []bool{false, true} {
		var group sync.WaitGroup
		node.pod = node.RunPod("stopped")
		node.container = node.StartContainer(node.pod, &cri.ContainerConfig{Command: []string{"sleep", "1000000"}})
		startServer(t)
		var sessions []*Session
		for _, wire := range newest {
			for _, tty := range []bool{false, true} {
				stdin, keyboard := Pipe()
				defer keyboard.Close()
				sessions = append(sessions, wire.Sh(remotecommand.StreamOptions{Stdin: stdin, Tty: tty}, "echo ready; cat"))
			}
		}
		for _, session := range sessions {
			session.Out.Await(t, "ready")
		}
		for _, dialer := range forwardDialers {
			connection, _, err := dialer(ForwardURL()).Dial("portforward.k8s.io")
			check(err)
			_, data := pair(connection, "9001")
			io.WriteString(data, "x")
			io.ReadFull(data, make([]byte, 1))
			group.Go(func() { // as kubectl does
				<-connection.CloseChan()
				connection.Close()
			})
		}
		if stays {
			_, connection := upgrade(t, ForwardURL(), with(asSpdy, "X-Stream-Protocol-Version", "portforward.k8s.io"))
			defer connection.Close()
		}
		begin := time.Now()
		node.RemovePod(node.pod)
		t.Logf("a client that stays: %v: stopped and removed in %v", stays, time.Since(begin).Round(time.Millisecond))
		for _, session := range sessions {
			if err := session.Wait(); err == nil {
				t.Error("a session of a stopped pod ended with success")
			}
		}
		group.Wait()
	}
}
