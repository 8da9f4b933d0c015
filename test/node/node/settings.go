package main

import (
	"maps"
	"os"
	"syscall"

	"sigs.k8s.io/yaml"
)

// settings are changes of the kubelet's configuration; a map in them is laid over the one that is there.
type settings map[string]any

func gates(on map[string]bool) settings {
	over := map[string]any{}
	for name, value := range on {
		over[name] = value
	}
	return settings{"featureGates": over}
}

// Kubelet restarts it with other settings, until the scenario's end. Only for scenarios that are alone.
func (s *S) Kubelet(changes settings) {
	usual, err := os.ReadFile(config)
	s.Must(err)
	all := map[string]any{}
	s.Must(yaml.Unmarshal(usual, &all))
	for key, value := range changes {
		if old, ok := all[key].(map[string]any); ok {
			maps.Copy(old, value.(map[string]any))
		} else {
			all[key] = value
		}
	}
	text, err := yaml.Marshal(all)
	s.Must(err)
	s.Must(os.WriteFile(config, text, 0o644))
	s.Defer(func() {
		s.Must(os.WriteFile(config, usual, 0o644))
		s.restart(kubelet, syscall.SIGTERM)
	})
	s.restart(kubelet, syscall.SIGTERM)
	s.Say("the kubelet runs with %v", map[string]any(changes))
}

// restart ends a daemon by the signal, starts it again, and waits until the node is well.
func (s *S) restart(d daemon, signal syscall.Signal) {
	s.Must(d.end(signal))
	s.Must(d.start())
	s.well()
}

// well waits for both daemons' answers.
func (s *S) well() {
	for _, d := range []daemon{cradled, kubelet} {
		if !until(patience, d.answers) {
			s.Fail("%s does not answer", d.name)
		}
	}
}
