// podtool runs inside pods, for what busybox does not have.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"google.golang.org/grpc"
	health "google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	if len(os.Args) < 2 {
		die("usage: podtool serve [OPTIONS] | get URL | ask udp|tcp ADDRESS TEXT | eat MIB")
	}
	switch args := os.Args[2:]; os.Args[1] {
	case "serve":
		serve(args)
	case "get":
		get(args[0])
	case "ask":
		ask(args[0], args[1], args[2])
	case "eat":
		eat(args[0])
	default:
		die("unknown command " + os.Args[1])
	}
}

func die(why any) {
	fmt.Fprintln(os.Stderr, "podtool:", why)
	os.Exit(1)
}

// serve answers on each port that is given: HTTP and gRPC health with "well" or, while the file exists, "sick"; UDP
// and TCP with the host's name and what they were sent. HTTP notes the paths it is asked for in the diary.
func serve(args []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	http_, grpc_ := flags.Int("http", 0, "port"), flags.Int("grpc", 0, "port")
	tcp, udp := flags.Int("tcp", 0, "port"), flags.Int("udp", 0, "port")
	sick, diary := flags.String("sick", "/tmp/sick", "file"), flags.String("diary", "", "file")
	flags.Parse(args)
	well := func() bool {
		_, err := os.Stat(*sick)
		return err != nil
	}
	if *http_ != 0 {
		go serveHTTP(*http_, well, *diary)
	}
	if *grpc_ != 0 {
		go serveGRPC(*grpc_, well)
	}
	if *tcp != 0 {
		go serveTCP(*tcp)
	}
	if *udp != 0 {
		go serveUDP(*udp)
	}
	select {}
}

func serveHTTP(port int, well func() bool, diary string) {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("GET", r.URL.Path)
		if diary != "" {
			note(diary, r.URL.Path)
		}
		if name, _ := os.Hostname(); well() {
			fmt.Fprintf(w, "well %s %s\n", name, r.RemoteAddr)
		} else {
			http.Error(w, "sick", http.StatusInternalServerError)
		}
	})
	die(http.ListenAndServe(":"+strconv.Itoa(port), nil))
}

func note(diary, event string) {
	file, err := os.OpenFile(diary, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	if err != nil {
		die(err)
	}
	defer file.Close()
	fmt.Fprintln(file, event)
}

type doctor struct {
	health.UnimplementedHealthServer
	well func() bool
}

func (d doctor) Check(context.Context, *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	if d.well() {
		return &health.HealthCheckResponse{Status: health.HealthCheckResponse_SERVING}, nil
	}
	return &health.HealthCheckResponse{Status: health.HealthCheckResponse_NOT_SERVING}, nil
}

func serveGRPC(port int, well func() bool) {
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		die(err)
	}
	server := grpc.NewServer()
	health.RegisterHealthServer(server, doctor{well: well})
	die(server.Serve(listener))
}

func reply(sent []byte) []byte {
	name, _ := os.Hostname()
	return append([]byte(name+" got "), sent...)
}

func serveTCP(port int) {
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		die(err)
	}
	for {
		if connection, err := listener.Accept(); err == nil {
			go func() {
				defer connection.Close()
				sent := make([]byte, 4096)
				for {
					n, err := connection.Read(sent)
					if err != nil {
						return
					}
					connection.Write(reply(sent[:n]))
				}
			}()
		}
	}
}

func serveUDP(port int) {
	socket, err := net.ListenPacket("udp", ":"+strconv.Itoa(port))
	if err != nil {
		die(err)
	}
	sent := make([]byte, 4096)
	for {
		if n, from, err := socket.ReadFrom(sent); err == nil {
			socket.WriteTo(reply(sent[:n]), from)
		}
	}
}

func get(url string) {
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		die(err)
	}
	io.Copy(os.Stdout, answer.Body)
	if answer.StatusCode != http.StatusOK {
		die(answer.Status)
	}
}

func ask(network, address, text string) {
	connection, err := net.DialTimeout(network, address, 10*time.Second)
	if err != nil {
		die(err)
	}
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	connection.Write([]byte(text))
	answer := make([]byte, 4096)
	n, err := connection.Read(answer)
	if err != nil {
		die(err)
	}
	fmt.Println(string(answer[:n]))
}

// eat takes memory, 1 MiB at a time, and keeps it.
func eat(mebibytes string) {
	n, err := strconv.Atoi(mebibytes)
	if err != nil {
		die(err)
	}
	var kept [][]byte
	for range n {
		kept = append(kept, bytes.Repeat([]byte{1}, 1<<20))
	}
	fmt.Println("ate", len(kept))
	select {}
}
