package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

const indexType = "application/vnd.oci.image.index.v1+json"

// serve makes a layout with one index, "example.io/team/app:1", over one manifest.
func serve(t *testing.T) (url, index, manifest string) {
	t.Helper()
	dir := t.TempDir()
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	put := func(content string) string {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
		os.WriteFile(filepath.Join(blobs, sum), []byte(content), 0o644)
		return "sha256:" + sum
	}
	entry := func(mediaType, digest, name string) string {
		return fmt.Sprintf(`{"manifests":[{"mediaType":%q,"digest":%q,"annotations":{"org.opencontainers.image.ref.name":%q}}]}`,
			mediaType, digest, name)
	}
	manifest = put(`{"layers":[]}`)
	index = put(entry("application/vnd.oci.image.manifest.v1+json", manifest, ""))
	os.WriteFile(filepath.Join(dir, "index.json"), []byte(entry(indexType, index, "example.io/team/app:1")), 0o644)
	r := newRegistry()
	if err := r.addLayout(dir); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server.URL, index, manifest
}

func get(t *testing.T, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, _ := http.NewRequest("GET", url, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response, string(body)
}

func TestTagAndDigestGiveTheManifestWithItsType(t *testing.T) {
	url, index, manifest := serve(t)
	for _, reference := range []string{"1", index} {
		response, body := get(t, url+"/v2/team/app/manifests/"+reference)
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != indexType {
			t.Errorf("%s: %s %s", reference, response.Status, response.Header)
		}
		if got := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(body))); got != index {
			t.Errorf("%s: digest %s, want %s", reference, got, index)
		}
	}
	if response, _ := get(t, url+"/v2/team/app/manifests/"+manifest); response.StatusCode != 200 {
		t.Errorf("the manifest below the index: %s", response.Status)
	}
}

func TestUnknownThingsAreNotFoundWithTheirCode(t *testing.T) {
	url, _, _ := serve(t)
	for path, code := range map[string]string{
		"/v2/other/app/manifests/1":     "NAME_UNKNOWN",
		"/v2/team/app/manifests/2":      "MANIFEST_UNKNOWN",
		"/v2/team/app/blobs/sha256:00":  "BLOB_UNKNOWN",
		"/v2/team/app/manifests/sha256": "MANIFEST_UNKNOWN",
	} {
		response, body := get(t, url+path)
		var answer struct{ Errors []struct{ Code string } }
		json.Unmarshal([]byte(body), &answer)
		if response.StatusCode != 404 || len(answer.Errors) != 1 || answer.Errors[0].Code != code {
			t.Errorf("%s: %s %s, want %s", path, response.Status, body, code)
		}
	}
}

func TestBlobsCanBeReadInRanges(t *testing.T) {
	url, _, manifest := serve(t)
	response, body := get(t, url+"/v2/team/app/blobs/"+manifest, "Range", "bytes=2-7")
	if response.StatusCode != http.StatusPartialContent || body != "layers" {
		t.Errorf("%s %q", response.Status, body)
	}
}

func TestReferencesLoseTheirHost(t *testing.T) {
	for reference, want := range map[string][2]string{
		"registry.k8s.io/pause:3.9":  {"pause", "3.9"},
		"127.0.0.1:5000/a/b":         {"a/b", "latest"},
		"library/busybox:1":          {"library/busybox", "1"},
		"gcr.io/staging/x.y/z:a.b-c": {"staging/x.y/z", "a.b-c"},
	} {
		if repository, tag := split(reference); repository != want[0] || tag != want[1] {
			t.Errorf("%s: %s %s", reference, repository, tag)
		}
	}
}
