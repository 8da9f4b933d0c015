// report judges a run of critest: the specs that didn't pass must be those on the list.
//
//	report GINKGO_JSON NOT_PASSED
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: report GINKGO_JSON NOT_PASSED")
		os.Exit(2)
	}
	v := judge(readReport(os.Args[1]), openExceptions(os.Args[2]))
	v.print()
	if len(v.problems) > 0 {
		os.Exit(1)
	}
}

func readReport(file string) types.Report {
	data, err := os.ReadFile(file)
	check(err)
	var reports []types.Report
	check(json.Unmarshal(data, &reports))
	if len(reports) != 1 {
		check(fmt.Errorf("%s: %d suites, not one", file, len(reports)))
	}
	return reports[0]
}

func openExceptions(file string) []*exception {
	in, err := os.Open(file)
	check(err)
	defer in.Close()
	list, err := readExceptions(in)
	if err != nil {
		check(fmt.Errorf("%s: %w", file, err))
	}
	return list
}

func (v *verdict) print() {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "passed\tfailed\tskipped\ton the list\ttime\t  group")
	slices.SortFunc(v.groups, func(a, b *group) int { return strings.Compare(a.name, b.name) })
	for _, g := range append(v.groups, &v.total) {
		fmt.Fprintf(out, "%d\t%d\t%d\t%d\t%.1f s\t  %s\n",
			g.passed, g.failed, g.skipped, g.listed, g.took.Round(time.Millisecond).Seconds(), g.name)
	}
	out.Flush()
	for _, problem := range v.problems {
		fmt.Println("!", problem)
	}
	fmt.Printf("conformance: %d passed, %d failed, %d skipped\n",
		v.total.passed, v.total.failed, v.total.skipped)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(2)
	}
}
