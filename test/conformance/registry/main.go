// cradle-test-registry serves OCI image layouts over HTTP, for tests on this machine.
//
//	cradle-test-registry [-listen 127.0.0.1:0] [-log FILE] LAYOUT...
//
// The first line of its output is the address it listens on.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("cradle-test-registry: ")
	address := flag.String("listen", "127.0.0.1:0", "loopback address and port; port 0: any free one")
	logFile := flag.String("log", "", "file for one line per request")
	flag.Parse()

	registry := newRegistry()
	for _, dir := range flag.Args() {
		check(registry.addLayout(dir))
	}
	listener, err := net.Listen("tcp", *address)
	check(err)
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		log.Fatalf("%s is not a loopback address", *address)
	}
	fmt.Println(listener.Addr())
	check(http.Serve(listener, logged(registry, *logFile)))
}

func logged(handler http.Handler, file string) http.Handler {
	if file == "" {
		return handler
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	check(err)
	lines := log.New(out, "", log.Ltime|log.Lmicroseconds)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines.Print(r.Method, " ", r.URL, " ", r.Header.Get("Range"))
		handler.ServeHTTP(w, r)
	})
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
