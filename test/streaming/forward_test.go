package streaming

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
	"k8s.io/client-go/tools/portforward"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/streaming/pkg/httpstream"
)

// startServer is a container in the shared pod that plays the role "serve".
func startServer(t *testing.T) string {
	container := node.StartContainer(node.pod, &cri.ContainerConfig{Command: []string{program, "serve"}})
	t.Cleanup(func() { node.RemoveContainer(container) })
	if !eventually(func() bool { return strings.Count(logOf(container), "serves") == 4 }) {
		t.Fatal("the pod's server doesn't start")
	}
	return container
}

func logOf(container string) string {
	text, err := os.ReadFile(node.Status(container).LogPath)
	check(err)
	return string(text)
}

// listen is kubectl port-forward: it gives the local address of each port of the pod.
func listen(t *testing.T, dialer httpstream.Dialer, ports ...string) []string {
	stop, ready := make(chan struct{}), make(chan struct{})
	for i := range ports {
		ports[i] = ":" + ports[i]
	}
	var said Text
	forwarder := must(portforward.NewOnAddressesForStreaming(dialer, []string{"127.0.0.1"}, ports, stop, ready, io.Discard, &said))
	over := make(chan error)
	go func() { over <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-over:
		t.Fatalf("port-forward: %v", err)
	}
	t.Cleanup(func() {
		close(stop)
		if err := <-over; err != nil {
			t.Errorf("port-forward ended with %v; it said %q", err, said.String())
		}
	})
	var addresses []string
	for _, port := range must(forwarder.GetPorts()) {
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", port.Local))
	}
	return addresses
}

func dial(address string) *net.TCPConn { return must(net.Dial("tcp", address)).(*net.TCPConn) }

func TestForward(t *testing.T) {
	startServer(t)
	for name, dialer := range forwardDialers {
		t.Run(name, func(t *testing.T) {
			addresses := listen(t, dialer(ForwardURL()), "9001", "9002", "9003")
			for i, family := range []string{"IPv4", "IPv6"} {
				connection := dial(addresses[i])
				io.WriteString(connection, family)
				answer := make([]byte, len(family))
				io.ReadFull(connection, answer)
				want(t, "echo", string(answer), family)
				connection.Close()
			}
			// What is counted is told after the client's end, so half a connection stays open.
			half := dial(addresses[2])
			io.Copy(half, noise(3_000_000))
			half.CloseWrite()
			want(t, "half-closed", string(must(io.ReadAll(half))), "3000000")
			half.Close()
		})
	}
}

func TestForwardHundredConnections(t *testing.T) {
	startServer(t)
	const size = 200_000
	for name, dialer := range forwardDialers {
		t.Run(name, func(t *testing.T) {
			address := listen(t, dialer(ForwardURL()), "9003")[0]
			var connections []*net.TCPConn
			for range 100 {
				connection := dial(address)
				connection.Write([]byte("x"))
				connections = append(connections, connection)
			}
			var group sync.WaitGroup
			for _, connection := range connections {
				group.Go(func() {
					defer connection.Close()
					io.Copy(connection, noise(size-1))
					connection.CloseWrite()
					want(t, "counted", string(must(io.ReadAll(connection))), strconv.Itoa(size))
				})
			}
			group.Wait()
			t.Logf("100 connections, %d bytes each", size)
		})
	}
}

// pair opens the two streams of one connection.
func pair(connection httpstream.Connection, port string) (failure, data httpstream.Stream) {
	headers := http.Header{}
	headers.Set("port", port)
	headers.Set("requestID", "1")
	headers.Set("streamType", "error")
	failure = must(connection.CreateStream(headers))
	failure.Close()
	headers.Set("streamType", "data")
	return failure, must(connection.CreateStream(headers))
}

// The pod's end may close its half first, and read on.
func TestForwardPodClosesFirst(t *testing.T) {
	server := startServer(t)
	for i, name := range []string{"SPDY", "tunnel"} {
		connection, _, err := forwardDialers[name](ForwardURL()).Dial("portforward.k8s.io")
		check(err)
		failure, data := pair(connection, "9004")
		want(t, name, string(must(io.ReadAll(data))), "bye")
		size := 1_000_000 + i
		io.Copy(data, noise(int64(size)))
		data.Close()
		want(t, name, string(must(io.ReadAll(failure))), "")
		if !eventually(func() bool { return strings.Contains(logOf(server), fmt.Sprintf("drained %d\n", size)) }) {
			t.Errorf("%s: the pod's end didn't get everything", name)
		}
		connection.Close()
	}
}

func TestForwardSaysWhyNothingAnswers(t *testing.T) {
	for name, dialer := range forwardDialers {
		connection, _, err := dialer(ForwardURL()).Dial("portforward.k8s.io")
		check(err)
		failure, _ := pair(connection, "9999")
		text := string(must(io.ReadAll(failure)))
		if !strings.Contains(text, "9999") || !strings.Contains(text, "Connection refused") {
			t.Errorf("%s: %q", name, text)
		}
		connection.Close()
	}
}

// The older WebSocket protocols: the ports are in the request, each has two channels.
func TestForwardChannels(t *testing.T) {
	startServer(t)
	for _, protocol := range []string{"", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"} {
		client := DialChannels(t, ForwardURL(9001, 9002), protocol)
		for channel, port := range []int{9001, 9001, 9002, 9002} {
			client.Want(t, channel, []byte{byte(port), byte(port >> 8)})
		}
		sent := make([]byte, 100_000)
		rand.Read(sent)
		for _, channel := range []int{0, 2} {
			client.Send(channel, sent)
			client.Want(t, channel, sent)
		}
		client.Close()
	}
}

// Channels is a client of the WebSocket protocols that client-go doesn't speak (any more): the old dashboards'.
type Channels struct {
	*websocket.Conn
	base64 bool
	got    map[int]*bytes.Buffer
}

func DialChannels(t *testing.T, address, protocol string) *Channels {
	t.Helper()
	dialer := websocket.Dialer{}
	if protocol != "" {
		dialer.Subprotocols = []string{protocol}
	}
	connection, response, err := dialer.Dial(strings.Replace(address, "http", "ws", 1), nil)
	if err != nil {
		t.Fatalf("%q: %v", protocol, err)
	}
	want(t, "protocol", response.Header.Get("Sec-WebSocket-Protocol"), protocol)
	return &Channels{connection, strings.Contains(protocol, "base64."), map[int]*bytes.Buffer{}}
}

func (c *Channels) Send(channel int, payload []byte) {
	if c.base64 {
		text := strconv.Itoa(channel) + base64.StdEncoding.EncodeToString(payload)
		check(c.WriteMessage(websocket.TextMessage, []byte(text)))
	} else {
		check(c.WriteMessage(websocket.BinaryMessage, append([]byte{byte(channel)}, payload...)))
	}
}

// ReadOne takes one message into its channel; false at the connection's end.
func (c *Channels) ReadOne() (more bool, why error) {
	kind, message, err := c.ReadMessage()
	if err != nil {
		return false, err
	}
	channel, payload := int(message[0]), message[1:]
	if c.base64 {
		channel -= '0'
		payload = must(base64.StdEncoding.DecodeString(string(payload)))
	}
	if c.base64 != (kind == websocket.TextMessage) {
		panic("text and binary messages are mixed up")
	}
	c.Channel(channel).Write(payload)
	return true, nil
}

func (c *Channels) Channel(channel int) *bytes.Buffer {
	if c.got[channel] == nil {
		c.got[channel] = &bytes.Buffer{}
	}
	return c.got[channel]
}

// Want reads until the channel holds so many bytes, and takes them.
func (c *Channels) Want(t *testing.T, channel int, wanted []byte) {
	t.Helper()
	for c.Channel(channel).Len() < len(wanted) {
		if _, err := c.ReadOne(); err != nil {
			t.Fatalf("channel %d: %v", channel, err)
		}
	}
	if !bytes.Equal(c.Channel(channel).Next(len(wanted)), wanted) {
		t.Errorf("channel %d: other bytes than %d expected ones", channel, len(wanted))
	}
}

func TestExecChannels(t *testing.T) {
	for _, protocol := range []string{"", "channel.k8s.io", "base64.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"} {
		answer := must(node.runtime.Exec(soon(), &cri.ExecRequest{ContainerId: node.container, Stdin: true, Stdout: true,
			Stderr: true, Cmd: []string{"sh", "-c", "head -c 5; echo bad >&2; exit 3"}}))
		client := DialChannels(t, answer.Url, protocol)
		client.Send(0, []byte("hello"))
		for {
			if more, err := client.ReadOne(); !more {
				if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
					t.Errorf("%q: ended with %v", protocol, err)
				}
				break
			}
		}
		want(t, protocol+" stdout", client.Channel(1).String(), "hello")
		want(t, protocol+" stderr", client.Channel(2).String(), "bad\n")
		status := client.Channel(3).String()
		if structure := strings.Contains(status, `"reason":"ExitCode","message":"3"`); structure != strings.HasPrefix(protocol, "v4.") ||
			!strings.Contains(status, "exit status 3") {
			t.Errorf("%q: status %q", protocol, status)
		}
		client.Close()
	}
}
