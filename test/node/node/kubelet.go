package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
)

const (
	readOnly = "http://127.0.0.1:10255"
	secure   = "https://127.0.0.1:10250"
)

var client = &http.Client{Timeout: 60 * time.Second,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

// get is a GET of the kubelet's; anything but 200 is an error with its body.
func get(url string) (string, error) {
	reply, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, reply.Status, body)
	}
	return string(body), err
}

// podList is what the kubelet last said of its pods; scenarios share it, so that waiting costs the kubelet little.
var podList struct {
	mutex sync.Mutex
	at    time.Time
	pods  map[string]*v1.Pod
}

// podNow is nil when the kubelet knows no such pod. While the kubelet does not answer, it is what was known last.
func podNow(name string) *v1.Pod {
	podList.mutex.Lock()
	defer podList.mutex.Unlock()
	if time.Since(podList.at) > 150*time.Millisecond {
		var list v1.PodList
		if text, err := get(readOnly + "/pods"); err == nil && json.Unmarshal([]byte(text), &list) == nil {
			podList.pods = map[string]*v1.Pod{}
			for i := range list.Items {
				podList.pods[list.Items[i].Name] = &list.Items[i]
			}
		}
		podList.at = time.Now()
	}
	return podList.pods[name+"-"+nodeName]
}

// logs asks the kubelet; query is what follows the question mark.
func (p *Pod) logs(container, query string) string {
	text, err := get(fmt.Sprintf("%s/containerLogs/default/%s-%s/%s?%s", secure, p.Name, nodeName, container, query))
	p.s.Must(err)
	return text
}

// Logs waits for what a container prints some time after it was started.
func (p *Pod) Logs(container, want string) {
	p.s.Until("log of "+container, func() (string, bool) {
		text := strings.TrimSpace(p.logs(container, ""))
		return text, text == want
	})
}

// metric is the value of the first sample that begins with it, and false when there is none.
func metric(text, begin string) (string, bool) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, begin) {
			return strings.TrimSpace(line[strings.LastIndex(strings.TrimSpace(line), " ")+1:]), true
		}
	}
	return "", false
}
