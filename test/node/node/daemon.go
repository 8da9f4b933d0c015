package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// daemon is a program of the node that outlives this one. Its pid stands in a file, so that a later run finds it; its
// output goes to log/NAME.log.
type daemon struct {
	name    string
	args    []string // args[0] is a path
	env     []string // beside ours
	answers func() bool
}

func (d daemon) logFile() string { return filepath.Join(home, "log", d.name+".log") }
func (d daemon) pidFile() string { return filepath.Join(home, d.name+".pid") }

// start starts it beside us: it gets no signal of our terminal and doesn't end with us.
func (d daemon) start() error {
	if d.pid() != 0 {
		return fmt.Errorf("%s runs already", d.name)
	}
	out, err := os.OpenFile(d.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	// In a folder of its own: a kubelet removes what "*" matches where it stands when a container has no log path.
	dir := filepath.Join(home, "empty")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	process, err := os.StartProcess(d.args[0], d.args, &os.ProcAttr{
		Dir: dir, Env: append(os.Environ(), d.env...), Files: []*os.File{nil, out, out}, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return err
	}
	go process.Wait() // whatever is left when we end, the namespace's init reaps
	return os.WriteFile(d.pidFile(), []byte(strconv.Itoa(process.Pid)), 0o644)
}

// start those that don't run, one after another, and wait for their answers.
func start(daemons ...daemon) error {
	for _, d := range daemons {
		if d.pid() == 0 {
			if err := d.start(); err != nil {
				return err
			}
		}
		if !until(120*time.Second, d.answers) {
			return fmt.Errorf("%s does not answer: %s", d.name, d.logFile())
		}
	}
	return nil
}

// pid is 0 when it doesn't run.
func (d daemon) pid() int {
	text, err := os.ReadFile(d.pidFile())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		return 0
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.HasPrefix(string(line), d.args[0]+"\x00") {
		return 0 // ended; a zombie has no command line
	}
	return pid
}

// end sends the signal and returns when it is gone.
func (d daemon) end(signal syscall.Signal) error {
	pid := d.pid()
	if pid == 0 {
		return fmt.Errorf("%s does not run", d.name)
	}
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	if !until(60*time.Second, func() bool { return d.pid() == 0 }) {
		return fmt.Errorf("%s (%d) does not end after signal %d", d.name, pid, signal)
	}
	return nil
}

// until asks ten times a second.
func until(limit time.Duration, done func() bool) bool {
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		if done() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}
