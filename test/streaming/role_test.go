package streaming

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// PlayRole is what this program does inside a container; false: its argument names no role.
//
//	serve            on the pod's loopback: 9001 echo (IPv4), 9002 echo (IPv6 alone), 9003 the count of what came,
//	                 told at its end, 9004 says "bye" and its end at once, then tells the count on stdout
//	tar-out SIZE     writes a tar of one file of that size
//	tar-in           reads one, prints the sum of its file
func PlayRole(role string) bool {
	switch role {
	case "serve":
		serve()
	case "tar-out":
		size, err := strconv.ParseInt(os.Args[2], 10, 64)
		check(err)
		writeTar(os.Stdout, size)
	case "tar-in":
		sum, size := readTar(os.Stdin)
		fmt.Printf("%s %d\n", sum, size)
	default:
		return false
	}
	return true
}

func serve() {
	go answer("127.0.0.1:9001", func(c *net.TCPConn) { io.Copy(c, c) })
	go answer("[::1]:9002", func(c *net.TCPConn) { io.Copy(c, c) })
	go answer("127.0.0.1:9003", func(c *net.TCPConn) {
		count, _ := io.Copy(io.Discard, c)
		fmt.Fprintf(c, "%d", count)
	})
	go answer("127.0.0.1:9004", func(c *net.TCPConn) {
		fmt.Fprint(c, "bye")
		c.CloseWrite()
		count, _ := io.Copy(io.Discard, c)
		fmt.Printf("drained %d\n", count)
	})
	select {}
}

func answer(address string, handle func(*net.TCPConn)) {
	listener, err := net.Listen("tcp", address)
	check(err)
	fmt.Printf("serves %s\n", address)
	for {
		connection, err := listener.Accept()
		check(err)
		go func() {
			defer connection.Close()
			handle(connection.(*net.TCPConn))
		}()
	}
}

// noise is always the same, and nothing that a lost or doubled piece leaves unchanged.
func noise(size int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), size) }

func sumOfNoise(size int64) string {
	hash := sha256.New()
	io.Copy(hash, noise(size))
	return fmt.Sprintf("%x", hash.Sum(nil))
}

func writeTar(to io.Writer, size int64) error {
	out := tar.NewWriter(to)
	if err := out.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: size}); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{out}, noise(size), make([]byte, 256<<10)); err != nil {
		return err
	}
	return out.Close()
}

func readTar(from io.Reader) (sum string, size int64) {
	in := tar.NewReader(from)
	if _, err := in.Next(); err != nil {
		return err.Error(), 0
	}
	hash := sha256.New()
	size, _ = io.CopyBuffer(hash, struct{ io.Reader }{in}, make([]byte, 256<<10))
	io.Copy(io.Discard, from)
	return fmt.Sprintf("%x", hash.Sum(nil)), size
}
