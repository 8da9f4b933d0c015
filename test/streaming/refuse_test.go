package streaming

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/client-go/tools/remotecommand"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/streaming/pkg/httpstream"
)

const webSocketKey = "dGhlIHNhbXBsZSBub25jZQ=="

var (
	asSpdy      = http.Header{"Upgrade": {"SPDY/3.1"}, "X-Stream-Protocol-Version": {"v4.channel.k8s.io"}}
	asWebSocket = http.Header{"Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {webSocketKey},
		"Sec-Websocket-Protocol": {"v5.channel.k8s.io"}}
)

func with(header http.Header, name string, values ...string) http.Header {
	changed := header.Clone()
	changed[name] = values
	return changed
}

// upgrade asks for one; the connection is the caller's.
func upgrade(t *testing.T, address string, header http.Header) (*http.Response, net.Conn) {
	t.Helper()
	target := must(url.Parse(address))
	connection := must(net.Dial("tcp", target.Host))
	connection.SetDeadline(time.Now().Add(patience))
	request := must(http.NewRequest("GET", address, nil))
	request.Header = header.Clone()
	request.Header.Set("Connection", "Upgrade")
	check(request.Write(connection))
	response, err := http.ReadResponse(bufio.NewReader(connection), request)
	if err != nil {
		t.Fatal(err)
	}
	return response, connection
}

// streamingHost is where cradled's URLs point to; a token is used up to know.
func streamingHost() string {
	address := ForwardURL()
	response := must(http.Get(address))
	response.Body.Close()
	return must(url.Parse(address)).Host
}

func statusOf(t *testing.T, address string, header http.Header) int {
	t.Helper()
	response, connection := upgrade(t, address, header)
	connection.Close()
	return response.StatusCode
}

var outputs = remotecommand.StreamOptions{Stdout: io.Discard, Stderr: io.Discard}

func TestTokens(t *testing.T) {
	address := ExecURL(outputs, "true")
	if err := spdyV5.executor(address).StreamWithContext(soon(), outputs); err != nil {
		t.Fatal(err)
	}
	for _, header := range []http.Header{asSpdy, asWebSocket} {
		if code := statusOf(t, address, header); code != 404 {
			t.Errorf("a used token: %d", code)
		}
		other := strings.Replace(ExecURL(outputs, "true"), "/exec/", "/attach/", 1)
		if code := statusOf(t, other, header); code != 404 {
			t.Errorf("a token of another kind: %d", code)
		}
	}
	for _, wire := range newest {
		err := wire.executor(address).StreamWithContext(soon(), outputs)
		if err == nil || !strings.Contains(err.Error(), "unknown, used or too old") {
			t.Errorf("%s, a used token: %v", wire.name, err)
		}
	}
	if !*full {
		return
	}
	late := ExecURL(outputs, "true")
	time.Sleep(61 * time.Second)
	if code := statusOf(t, late, asSpdy); code != 404 {
		t.Errorf("a late token: %d", code)
	}
}

func TestProtocols(t *testing.T) {
	response, connection := upgrade(t, ExecURL(outputs, "true"), with(asSpdy, "X-Stream-Protocol-Version", "v9.channel.k8s.io"))
	connection.Close()
	if accepted := response.Header["X-Accepted-Stream-Protocol-Versions"]; response.StatusCode != 403 || len(accepted) != 5 {
		t.Errorf("SPDY: %s, accepted: %v", response.Status, accepted)
	}
	response, connection = upgrade(t, ExecURL(outputs, "true"), with(asWebSocket, "Sec-Websocket-Protocol", "v9.channel.k8s.io"))
	connection.Close()
	if accepted := response.Header["Sec-Websocket-Protocol"]; response.StatusCode != 403 || len(accepted) != 5 {
		t.Errorf("WebSocket: %s, accepted: %v", response.Status, accepted)
	}
	response, connection = upgrade(t, ForwardURL(), with(asSpdy, "X-Stream-Protocol-Version", "v4.channel.k8s.io"))
	connection.Close()
	if accepted := response.Header["X-Accepted-Stream-Protocol-Versions"]; response.StatusCode != 403 || len(accepted) != 1 {
		t.Errorf("port-forward: %s, accepted: %v", response.Status, accepted)
	}
	// What makes kubectl try its second way.
	err := webSocketWire("v9.channel.k8s.io").executor(ExecURL(outputs, "true")).StreamWithContext(soon(), outputs)
	var refused *httpstream.UpgradeFailureError
	if !errors.As(err, &refused) {
		t.Errorf("client-go doesn't see a refused upgrade in %v", err)
	}
}

func TestMalformedFrames(t *testing.T) {
	stdin, keyboard := Pipe()
	bystander := spdyV5.Sh(remotecommand.StreamOptions{Stdin: stdin}, "echo ready; cat")
	bystander.Out.Await(t, "ready\n")
	forward := with(asSpdy, "X-Stream-Protocol-Version", "portforward.k8s.io")
	tunnel := with(asWebSocket, "Sec-Websocket-Protocol", "SPDY/3.1+portforward.k8s.io")
	for i, one := range []struct {
		address string
		header  http.Header
		bytes   string
		reason  string
	}{
		{ExecURL(outputs, "sleep", "44451"), asSpdy, "\x80\x02\x00\x01\x00\x00\x00\x0a0123456789", "exec session: SPDY: not version 3"},
		{ExecURL(outputs, "sleep", "44452"), asSpdy, "\x80\x03\x00\x01\x00\x00\x00\x0c\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00??", "exec session: SPDY: headers can't be inflated"},
		{ExecURL(outputs, "sleep", "44453"), asWebSocket, "\x82\x05hello", "exec session: WebSocket: a frame isn't masked"},
		{ExecURL(outputs, "sleep", "44454"), asWebSocket, "\xf2\x85mask.....", "exec session: WebSocket: an extension that wasn't agreed on"},
		{AttachURL(node.container, outputs), asSpdy, "\x80\x03\x00\x04\x00\x00\x00\x04\x7f\xff\xff\xff", "attach session: SPDY: malformed settings"},
		{ForwardURL(), forward, "\x80\x03\x00\x01\x00\xff\xff\xff", "port-forward session: SPDY: a control frame is too large"},
		{ForwardURL(), tunnel, "\x82\x88\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "port-forward session: SPDY: data of stream 0"},
	} {
		response, connection := upgrade(t, one.address, one.header)
		if response.StatusCode != 101 {
			t.Fatalf("%d: %s", i, response.Status)
		}
		io.WriteString(connection, one.bytes)
		if _, err := io.Copy(io.Discard, connection); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d: the session goes on", i)
		}
		connection.Close()
		if !eventually(func() bool { return strings.Contains(string(must(os.ReadFile(node.ShimLog()))), one.reason) }) {
			t.Errorf("%d: the shim's log doesn't say %q", i, one.reason)
		}
	}
	if !eventually(func() bool { return !runs("sleep 4445") }) {
		t.Error("a command outlives its malformed client")
	}
	io.WriteString(keyboard, "still here")
	keyboard.Close()
	bystander.WantCode(t, 0)
	want(t, "the other session", bystander.Out.String(), "ready\nstill here")
}

// What comes in one piece with the request's head is the session's.
func TestBytesBehindTheHead(t *testing.T) {
	address := ExecURL(remotecommand.StreamOptions{Stdin: strings.NewReader(""), Stdout: io.Discard}, "head", "-c", "5")
	target := must(url.Parse(address))
	connection := must(net.Dial("tcp", target.Host))
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(patience))
	io.WriteString(connection, "GET "+target.Path+" HTTP/1.1\r\nHost: "+target.Host+"\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+webSocketKey+"\r\n"+
		"Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"+"\x82\x86\x00\x00\x00\x00\x00hello")
	var got strings.Builder
	for piece := make([]byte, 4096); !strings.Contains(got.String(), "Success"); {
		count, err := connection.Read(piece)
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
		got.Write(piece[:count])
	}
	if !strings.Contains(got.String(), "\x82\x06\x01hello") {
		t.Errorf("%q", got.String())
	}
}

func TestMalformedHeads(t *testing.T) {
	host := streamingHost()
	for _, one := range []struct{ request, status string }{
		{"nonsense\r\n\r\n", "400"},
		{"GET / HTTP/1.1\r\n\r\n", "404"},
		{"GET /exec/../../etc/passwd HTTP/1.1\r\n\r\n", "404"},
		{"PUT /exec/0 HTTP/1.1\r\n\r\n", "405"},
		{"GET /exec/0 HTTP/1.1\r\nA: " + strings.Repeat("x", 20_000), "431"},
		{"POST /exec/0 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "400"},
	} {
		connection := must(net.Dial("tcp", host))
		connection.SetDeadline(time.Now().Add(patience))
		io.WriteString(connection, one.request)
		line, _ := bufio.NewReader(connection).ReadString('\n')
		if !strings.HasPrefix(line, "HTTP/1.1 "+one.status+" ") {
			t.Errorf("%.30q: %q, want %s", one.request, line, one.status)
		}
		connection.Close()
	}
}

func TestAThousandWait(t *testing.T) {
	request := &cri.ExecRequest{ContainerId: node.container, Cmd: []string{"true"}, Stdout: true}
	var waiting []string
	for {
		answer, err := node.runtime.Exec(soon(), request)
		if err != nil {
			if status.Code(err) != codes.ResourceExhausted {
				t.Fatal(err)
			}
			break
		}
		waiting = append(waiting, answer.Url)
		if len(waiting) > 1000 {
			break
		}
	}
	// Earlier tests' unused ones may be among the thousand. Each is used up, so that the next tests find room.
	if len(waiting) < 900 || len(waiting) > 1000 {
		t.Errorf("%d may wait", len(waiting))
	}
	for _, address := range waiting {
		if code := statusOf(t, address, with(asSpdy, "X-Stream-Protocol-Version", "none")); code != 403 {
			t.Fatalf("a waiting token: %d", code)
		}
	}
	t.Logf("%d waited, the next was refused", len(waiting))
}
