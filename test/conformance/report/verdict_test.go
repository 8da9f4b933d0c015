package main

import (
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/types"
)

func spec(name string, state types.SpecState, message string) types.SpecReport {
	return types.SpecReport{ContainerHierarchyTexts: []string{"[k8s.io] Pods"}, LeafNodeText: name,
		LeafNodeType: types.NodeTypeIt, State: state, Failure: types.Failure{Message: message}}
}

func problems(t *testing.T, list string, specs ...types.SpecReport) string {
	t.Helper()
	exceptions, err := readExceptions(strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	report := types.Report{SpecReports: specs}
	for _, s := range specs {
		if selected(s) {
			report.PreRunStats.SpecsThatWillRun++
		}
	}
	return strings.Join(judge(report, exceptions).problems, "; ")
}

func TestOnlyTheListMayNotPass(t *testing.T) {
	passed, failed, skipped := types.SpecStatePassed, types.SpecStateFailed, types.SpecStateSkipped
	for _, c := range []struct {
		what, list string
		specs      []types.SpecReport
		want       string
	}{
		{"all pass", "", []types.SpecReport{spec("a", passed, "")}, ""},
		{"fails off the list", "", []types.SpecReport{spec("a", failed, "boom\n  at x")}, "failed: [k8s.io] Pods a\n    boom at x"},
		{"skips itself off the list", "", []types.SpecReport{spec("a", skipped, "no feature")}, "skipped: [k8s.io] Pods a\n    no feature"},
		{"fails on the list", "[k8s.io] Pods a\tlater", []types.SpecReport{spec("a", failed, "x")}, ""},
		{"skips itself on the list", "[k8s.io] Pods*\tlater", []types.SpecReport{spec("a", skipped, "x")}, ""},
		{"passes on the list", "[k8s.io] Pods a\tlater", []types.SpecReport{spec("a", passed, "")}, "take it off the list"},
		{"a list entry is whole names", "[k8s.io] Pods\tlater", []types.SpecReport{spec("a", failed, "x")}, "failed: [k8s.io] Pods a"},
		{"no spec of that name", "[k8s.io] Gone\tlater", []types.SpecReport{spec("a", passed, "")}, "no such spec"},
		{"not selected", "", []types.SpecReport{spec("a", passed, ""), spec("b", skipped, "")}, ""},
		{"nothing ran", "", []types.SpecReport{spec("b", skipped, "")}, "0 specs of 0"},
	} {
		got := problems(t, c.list, c.specs...)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestSuiteFailuresAreProblems(t *testing.T) {
	before := types.SpecReport{LeafNodeType: types.NodeTypeBeforeSuite, State: types.SpecStateFailed,
		Failure: types.Failure{Message: "no socket"}}
	if got := problems(t, "", before); !strings.Contains(got, "BeforeSuite: no socket") {
		t.Errorf("%q", got)
	}
	v := judge(types.Report{SpecialSuiteFailureReasons: []string{"Suite Timeout Elapsed"}}, nil)
	if got := strings.Join(v.problems, "; "); !strings.Contains(got, "Timeout") {
		t.Errorf("%q", got)
	}
}

func TestAnEntryNeedsAReason(t *testing.T) {
	for _, list := range []string{"spec without reason", "spec\t  "} {
		if _, err := readExceptions(strings.NewReader(list)); err == nil {
			t.Errorf("%q was accepted", list)
		}
	}
}
