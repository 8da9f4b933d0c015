package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// scenario is one thing that a pod, or who looks after pods, may want of a node. It asks from outside: the kubelet's HTTP
// API, the CRI, the kernel.
type scenario struct {
	name  string // GROUP/WHAT
	run   func(*S)
	alone bool // it kills daemons, or measures: no other scenario meanwhile
}

// scenarios runs them in this order; those that are alone come last.
var scenarios = slices.Concat(life, resources, network, files, security, looking, figures, documents, faults)

const parallel = 12

// S is a scenario under way: what it has said and what it found wrong.
type S struct {
	name   string
	mutex  sync.Mutex
	said   bytes.Buffer
	wrong  int
	undo   []func()
	pods   []*Pod
	begin  time.Time
	passed bool
}

type stop struct{} // what Fail panics with

func (s *S) Say(format string, args ...any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	text := strings.ReplaceAll(strings.TrimSpace(fmt.Sprintf(format, args...)), "\n", "\n           ")
	fmt.Fprintf(&s.said, "    %5.1f  %s\n", time.Since(s.begin).Seconds(), text)
}

// Wrong notes that something is not as it should be, and goes on.
func (s *S) Wrong(format string, args ...any) {
	s.wrong++
	s.Say("! "+format, args...)
}

// Fail ends the scenario.
func (s *S) Fail(format string, args ...any) {
	s.Wrong(format, args...)
	panic(stop{})
}

// Must ends the scenario when there is an error.
func (s *S) Must(err error) {
	if err != nil {
		s.Fail("%v", err)
	}
}

// Want says what was seen, and whether it is right.
func (s *S) Want(right bool, format string, args ...any) {
	if right {
		s.Say(format, args...)
	} else {
		s.Wrong(format, args...)
	}
}

// Equal says what it got and, when that is something else, what it wanted.
func Equal[T comparable](s *S, what string, got, want T) {
	if got == want {
		s.Say("%s: %v", what, got)
	} else {
		s.Wrong("%s: %v, not %v", what, got, want)
	}
}

// Matches is Equal with a regular expression.
func (s *S) Matches(what, got, pattern string) {
	got = strings.TrimSpace(got)
	if regexp.MustCompile(pattern).MatchString(got) {
		s.Say("%s: %s", what, got)
	} else {
		s.Wrong("%s: %q does not match %q", what, got, pattern)
	}
}

const patience = 90 * time.Second

// Until waits for a state of things; `now` says what it sees, for the record.
func (s *S) Until(what string, now func() (seen string, done bool)) string {
	return s.UntilIn(patience, what, now)
}

func (s *S) UntilIn(limit time.Duration, what string, now func() (seen string, done bool)) string {
	for end := time.Now().Add(limit); ; time.Sleep(200 * time.Millisecond) {
		seen, done := now()
		if done {
			s.Say("%s: %s", what, seen)
			return seen
		}
		if time.Now().After(end) {
			s.Fail("not within %v: %s; it is: %s", limit, what, seen)
		}
	}
}

// Defer calls it when the scenario has ended and its pods are gone, the last one first.
func (s *S) Defer(undo func()) { s.undo = append(s.undo, undo) }

func (s *S) perform(run func(*S)) {
	s.begin = time.Now()
	guarded := func(f func()) {
		defer func() {
			if r := recover(); r != nil {
				if _, ours := r.(stop); !ours {
					panic(r)
				}
			}
		}()
		f()
	}
	guarded(func() { run(s) })
	if s.wrong > 0 { // it may have left daemons dead: nothing would ever be removed
		guarded(func() { s.Must(start(cradled, kubelet)) })
	}
	guarded(s.removePods)
	for _, undo := range slices.Backward(s.undo) {
		guarded(undo)
	}
	s.passed = s.wrong == 0
}

// runAll is false when a scenario failed that should not, or one passed that is listed as not passing.
func runAll(pattern string) bool {
	expected, err := readNotPassed()
	if err != nil {
		fail(err)
	}
	want, err := regexp.Compile(pattern)
	if err != nil {
		fail(err)
	}
	var beside, alone []scenario
	for _, one := range scenarios {
		if !want.MatchString(one.name) {
			continue
		}
		if one.alone {
			alone = append(alone, one)
		} else {
			beside = append(beside, one)
		}
	}
	report := report{expected: expected}
	var group sync.WaitGroup
	turn := make(chan struct{}, parallel)
	for _, one := range beside {
		turn <- struct{}{}
		group.Go(func() {
			report.add(perform(one))
			<-turn
		})
	}
	group.Wait()
	for _, one := range alone {
		report.add(perform(one))
	}
	return report.end()
}

func perform(one scenario) *S {
	s := &S{name: one.name}
	s.perform(one.run)
	return s
}

type report struct {
	mutex          sync.Mutex
	expected       map[string]string // scenario: why it does not pass
	passed, failed int
	late           int // failed as expected
	bad            []bad
}

type bad struct{ headline, said string }

func (r *report) add(s *S) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	why, listed := r.expected[s.name]
	word, fine := "ok", true
	switch {
	case s.passed && !listed:
		r.passed++
	case s.passed && listed:
		word, fine = "PASSES, strike it from not-passed.txt", false
	case listed:
		word = "not yet: " + why
		r.late++
	default:
		word, fine = "FAILED", false
	}
	headline := fmt.Sprintf("%s: %s (%.1f s)\n", s.name, word, time.Since(s.begin).Seconds())
	if !fine {
		r.failed++
		r.bad = append(r.bad, bad{headline, s.said.String()})
	}
	fmt.Print(headline, s.said.String())
}

// end says again what went wrong, for who sees no more than the end of it.
func (r *report) end() bool {
	if len(r.bad) > 0 {
		fmt.Println("\nWhat went wrong, again:")
	}
	for _, one := range r.bad {
		fmt.Print(one.headline, one.said)
	}
	fmt.Printf("\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.late)
	for _, one := range r.bad {
		fmt.Print(one.headline)
	}
	return r.failed == 0
}

// readNotPassed reads lines of "GROUP/WHAT: why it does not pass yet".
func readNotPassed() (map[string]string, error) {
	file, err := os.Open(source + "/not-passed.txt")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	expected := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, why, ok := strings.Cut(line, ": ")
		if !ok || !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == name }) {
			return nil, fmt.Errorf("not-passed.txt: %q names no scenario, or no reason", line)
		}
		expected[name] = why
	}
	return expected, nil
}
