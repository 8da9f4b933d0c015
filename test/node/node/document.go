package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"sigs.k8s.io/yaml"
)

var documents = []scenario{{name: "docs/kubelet.md", run: document, alone: true}}

// document does what docs/kubelet.md says: its configuration (below our piece of the cgroups), its command line, its
// commands.
func document(s *S) {
	page, err := os.ReadFile(source + "/../../docs/kubelet.md")
	s.Must(err)
	blocks := strings.Split(string(page), "\n```")
	var configuration, start string
	var commands []string
	for _, block := range blocks {
		kind, text, _ := strings.Cut(block, "\n")
		switch kind {
		case "yaml":
			configuration = text
		case "start":
			start = strings.TrimSpace(text)
		case "sh":
			commands = append(commands, text)
		}
	}
	all := map[string]any{}
	s.Must(yaml.Unmarshal([]byte(configuration), &all))
	all["cgroupRoot"] = cgroupRoot
	text, err := yaml.Marshal(all)
	s.Must(err)
	usual, err := os.ReadFile(config)
	s.Must(err)
	s.Must(kubelet.end(syscall.SIGTERM))
	s.Must(os.WriteFile(config, text, 0o644))
	words := strings.Fields(start)
	documented := daemon{name: "documented", args: append([]string{tools + "/" + words[0]}, words[1:]...), answers: healthy}
	s.Defer(func() {
		if documented.pid() != 0 {
			s.Must(documented.end(syscall.SIGTERM))
		}
		s.Must(os.WriteFile(config, usual, 0o644))
		s.Must(kubelet.start())
		s.well()
	})
	s.Defer(func() { os.Remove(manifests + "/hello.yaml") })
	s.Must(documented.start())
	s.well()
	s.Say("%s", start)
	for _, command := range commands {
		shell := exec.CommandContext(within(patience), "sh", "-ec", command)
		out, err := shell.CombinedOutput()
		s.Say("%s\n%s", strings.TrimSpace(command), strings.TrimRight(string(out), "\n"))
		if err != nil {
			s.Fail("%v", fmt.Errorf("the page's commands fail: %w", err))
		}
	}
}
