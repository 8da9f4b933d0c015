package streaming

import (
	"strings"
	"testing"

	"k8s.io/client-go/tools/remotecommand"
)

// The address and port of [streaming] are those of the URLs; a wildcard is told as one that can be dialled.
func TestAddress(t *testing.T) {
	t.Cleanup(func() {
		node.Kill()
		node.Configure("")
		node.Start()
	})
	for address, host := range map[string]string{"::1": "[::1]", "0.0.0.0": "127.0.0.1", "::": "[::1]"} {
		node.Kill()
		node.Configure("[streaming]\naddress = \"" + address + "\"\nport = 10987\n")
		node.Start()
		if url := ExecURL(outputs, "true"); !strings.HasPrefix(url, "http://"+host+":10987/exec/") {
			t.Errorf("%s: the URL is %s", address, url)
		}
		for _, wire := range newest {
			session := wire.Exec(remotecommand.StreamOptions{}, "echo", "hello")
			session.WantCode(t, 0)
			want(t, address+", "+wire.name, session.Out.String(), "hello\n")
		}
	}
}
