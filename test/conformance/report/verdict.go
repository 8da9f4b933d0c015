package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

// exception is a line of not-passed.txt: the specs that need not pass, and why.
type exception struct {
	text    string
	pattern *regexp.Regexp
	used    bool
}

// readExceptions reads lines of the form "SPEC<TAB>REASON". A * in SPEC stands for anything, all
// else for itself; lines that begin with # are comments.
func readExceptions(in io.Reader) (list []*exception, err error) {
	scanner := bufio.NewScanner(in)
	for n := 1; scanner.Scan(); n++ {
		line := scanner.Text()
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		text, reason, _ := strings.Cut(line, "\t")
		if strings.TrimSpace(reason) == "" {
			return nil, fmt.Errorf("line %d: no tab and reason after %q", n, text)
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, ".*")
		list = append(list, &exception{text: text, pattern: regexp.MustCompile("^" + pattern + "$")})
	}
	return list, scanner.Err()
}

// group counts the specs under one heading of critest.
type group struct {
	name                            string
	passed, failed, skipped, listed int
	took                            time.Duration
}

// verdict is what a run comes to: it is good if there are no problems.
type verdict struct {
	groups   []*group
	total    group
	problems []string
}

// judge holds a report against the exceptions, both ways: what is off the list must pass, what is
// on it must not.
func judge(report types.Report, list []*exception) *verdict {
	v := &verdict{total: group{name: "total"}}
	ran := 0
	for _, spec := range report.SpecReports {
		if spec.LeafNodeType != types.NodeTypeIt {
			if spec.Failed() {
				v.problem("%s: %s", spec.LeafNodeType, summary(spec.Failure.Message))
			}
			continue
		}
		name := spec.FullText()
		exempt := find(list, name)
		if !selected(spec) {
			continue
		}
		ran++
		v.count(spec, exempt)
		switch {
		case spec.State == types.SpecStatePassed && exempt:
			v.problem("passes, so take it off the list: %s", name)
		case spec.State != types.SpecStatePassed && !exempt:
			v.problem("%s: %s\n    %s", spec.State, name, summary(spec.Failure.Message))
		}
	}
	v.complete(report, ran, list)
	return v
}

// complete finds what no single spec shows.
func (v *verdict) complete(report types.Report, ran int, list []*exception) {
	for _, reason := range report.SpecialSuiteFailureReasons {
		v.problem("suite: %s", reason)
	}
	if want := report.PreRunStats.SpecsThatWillRun; ran == 0 || ran != want {
		v.problem("%d specs of %d were run", ran, want)
	}
	for _, e := range list {
		if !e.used {
			v.problem("on the list, but no such spec: %s", e.text)
		}
	}
}

func (v *verdict) problem(format string, args ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, args...))
}

func (v *verdict) count(spec types.SpecReport, exempt bool) {
	name := strings.TrimPrefix(spec.ContainerHierarchyTexts[0], "[k8s.io] ")
	name = strings.TrimSuffix(name, " [Conformance]")
	for _, g := range []*group{v.group(name), &v.total} {
		switch spec.State {
		case types.SpecStatePassed:
			g.passed++
		case types.SpecStateSkipped, types.SpecStatePending:
			g.skipped++
		default:
			g.failed++
		}
		if exempt {
			g.listed++
		}
		g.took += spec.RunTime
	}
}

func (v *verdict) group(name string) *group {
	for _, g := range v.groups {
		if g.name == name {
			return g
		}
	}
	v.groups = append(v.groups, &group{name: name})
	return v.groups[len(v.groups)-1]
}

// selected is false for a spec that focus and skip flags left out: a spec that skips itself says why.
func selected(spec types.SpecReport) bool {
	return spec.State != types.SpecStateSkipped || spec.Failure.Message != ""
}

func find(list []*exception, name string) (found bool) {
	for _, e := range list {
		if e.pattern.MatchString(name) {
			e.used, found = true, true
		}
	}
	return found
}

// summary is the beginning of a failure's message, on one line.
func summary(text string) string {
	line := strings.Join(strings.Fields(text), " ")
	if len(line) > 300 {
		line = line[:300] + "..."
	}
	return line
}
