// node is what script/node runs inside its namespaces: it starts and ends a node of registry, cradled and kubelet, and
// runs scenarios on it.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: node up | down | run [PATTERN]"))
	}
	switch os.Args[1] {
	case "up":
		fail(up())
	case "down":
		left, err := down()
		fail(err)
		for _, line := range left {
			fmt.Println("! left behind:", line)
		}
		if len(left) > 0 {
			os.Exit(1)
		}
	case "run":
		pattern := ""
		if len(os.Args) > 2 {
			pattern = os.Args[2]
		}
		fail(up())
		if !runAll(pattern) {
			os.Exit(1)
		}
	default:
		fail(fmt.Errorf("unknown command %s", os.Args[1]))
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		os.Exit(1)
	}
}
