package streaming

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	bytes       []byte
}

func newAuthority() *authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	bytes := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	return &authority{must(x509.ParseCertificate(bytes)), key, bytes}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.bytes})
}

// issue gives a certificate and its key.
func (a *authority) issue(serial int64) (certificate, key []byte) {
	own := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	bytes := must(x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "one"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, &own.PublicKey, a.key))
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: bytes}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(own))})
}

// startTLS starts the daemon again with a certificate from these files; the test's end undoes it.
func startTLS(t *testing.T, a *authority, more string) (files string) {
	files = t.TempDir()
	certificate, key := a.issue(100)
	put(files+"/cert.pem", certificate)
	put(files+"/key.pem", key)
	put(files+"/ca.pem", a.pem())
	node.Kill()
	node.Configure(fmt.Sprintf("[streaming]\ntls_cert = %q\ntls_key = %q\n%s", files+"/cert.pem", files+"/key.pem",
		strings.ReplaceAll(more, "FILES", files)))
	node.Start()
	clientTLS = rest.TLSClientConfig{CAData: a.pem()}
	t.Cleanup(func() {
		clientTLS = rest.TLSClientConfig{}
		node.Kill()
		node.Configure("")
		node.Start()
	})
	return files
}

// put replaces a file, as tools that renew certificates do.
func put(path string, bytes []byte) {
	check(os.WriteFile(path+".new", bytes, 0o600))
	check(os.Rename(path+".new", filepath.Clean(path)))
}

// serial is that of the certificate which the server shows now.
func serial(t *testing.T) int64 {
	t.Helper()
	host := strings.Split(ExecURL(outputs, "true"), "/")[2]
	connection, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestTLS(t *testing.T) {
	startTLS(t, newAuthority(), "")
	startServer(t)
	if address := ExecURL(outputs, "true"); !strings.HasPrefix(address, "https://127.0.0.1:") {
		t.Fatalf("the URL is %s", address)
	}
	const size = 20 << 20
	sum := sumOfNoise(size)
	for _, wire := range newest {
		session := wire.Sh(remotecommand.StreamOptions{Stdin: strings.NewReader("hello")}, "cat; echo bad >&2; exit 3")
		session.WantCode(t, 3)
		want(t, wire.name, session.Out.String(), "hello")
		want(t, wire.name, session.Err.String(), "bad\n")

		stdin, archive := io.Pipe()
		session = wire.Exec(remotecommand.StreamOptions{Stdin: stdin}, program, "tar-in")
		go func() { archive.CloseWithError(writeTar(archive, size)) }()
		session.WantCode(t, 0)
		want(t, wire.name+", in", session.Out.String(), fmt.Sprintf("%s %d\n", sum, size))

		reader, writer := io.Pipe()
		session = wire.Exec(remotecommand.StreamOptions{Stdout: writer}, program, "tar-out", fmt.Sprint(size))
		go func() { writer.CloseWithError(session.Wait()) }()
		got, _ := readTar(reader)
		want(t, wire.name+", out", got, sum)

		gone := wire.Sh(remotecommand.StreamOptions{}, "echo ready; exec sleep 44471")
		gone.Out.Await(t, "ready")
		gone.Vanish()
	}
	if !eventually(func() bool { return !runs("sleep 44471") }) {
		t.Error("a command outlives its client")
	}
	for name, dialer := range forwardDialers {
		half := dial(listen(t, dialer(ForwardURL()), "9003")[0])
		io.Copy(half, noise(3_000_000))
		half.CloseWrite()
		want(t, name, string(must(io.ReadAll(half))), "3000000")
		half.Close()
	}
}

func TestTLSRefuses(t *testing.T) {
	ours := newAuthority()
	startTLS(t, ours, "tls_client_ca = \"FILES/ca.pem\"\n")
	refused := func(what, why string) {
		t.Helper()
		for _, wire := range newest {
			err := wire.Exec(remotecommand.StreamOptions{}, "true").Wait()
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s, %s: %v", wire.name, what, err)
			}
		}
	}
	refused("a client without a certificate", "certificate required")
	stranger, strangersKey := newAuthority().issue(1)
	clientTLS.CertData, clientTLS.KeyData = stranger, strangersKey
	refused("a stranger's certificate", "unknown certificate authority")
	clientTLS.CertData, clientTLS.KeyData = ours.issue(1)
	for _, wire := range newest {
		wire.Exec(remotecommand.StreamOptions{}, "true").WantCode(t, 0)
	}
	clientTLS.CAData = newAuthority().pem()
	refused("a server that the client doesn't know", "certificate signed by unknown authority")
}

func TestTLSCertificateIsRenewed(t *testing.T) {
	ours := newAuthority()
	files := startTLS(t, ours, "")
	if got := serial(t); got != 100 {
		t.Errorf("the first certificate is %d", got)
	}
	stdin, keyboard := Pipe()
	session := spdyV5.Sh(remotecommand.StreamOptions{Stdin: stdin}, "echo ready; cat")
	session.Out.Await(t, "ready\n")
	certificate, key := ours.issue(101)
	put(files+"/key.pem", key) // not a pair with the old one: that stays
	if got := serial(t); got != 100 {
		t.Errorf("with half of a new one the certificate is %d", got)
	}
	put(files+"/cert.pem", certificate)
	if got := serial(t); got != 101 {
		t.Errorf("the new certificate is %d", got)
	}
	put(files+"/cert.pem", []byte("nonsense"))
	if got := serial(t); got != 101 {
		t.Errorf("beside nonsense the certificate is %d", got)
	}
	io.WriteString(keyboard, "still here")
	keyboard.Close()
	session.WantCode(t, 0)
	want(t, "the session before", session.Out.String(), "ready\nstill here")
}
