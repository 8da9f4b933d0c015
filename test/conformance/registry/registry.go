package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// registry serves, read-only, what OCI image layouts hold. A layout's references
// (org.opencontainers.image.ref.name) are served without their host, so that one registry can
// stand in for several.
type registry struct {
	tags      map[string]map[string]string // repository, tag: digest
	manifests map[string]string            // digest: media type
	blobs     map[string]string            // digest: file
}

type descriptor struct {
	MediaType   string
	Digest      string
	Annotations map[string]string
}

func newRegistry() *registry {
	return &registry{map[string]map[string]string{}, map[string]string{}, map[string]string{}}
}

// addLayout takes in a layout; of two references that are equal, the first counts.
func (r *registry) addLayout(dir string) error {
	blobs, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*"))
	if err != nil {
		return err
	}
	for _, blob := range blobs {
		r.blobs["sha256:"+filepath.Base(blob)] = blob
	}
	named, err := r.readIndex(filepath.Join(dir, "index.json"))
	if err != nil {
		return err
	}
	for _, image := range named {
		repository, tag := split(image.Annotations["org.opencontainers.image.ref.name"])
		if r.tags[repository] == nil {
			r.tags[repository] = map[string]string{}
		}
		if _, ok := r.tags[repository][tag]; !ok {
			r.tags[repository][tag] = image.Digest
		}
	}
	return nil
}

// readIndex reads an index and the indexes below it, and keeps the type of every manifest.
func (r *registry) readIndex(file string) ([]descriptor, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, manifest := range index.Manifests {
		r.manifests[manifest.Digest] = manifest.MediaType
		if strings.Contains(manifest.MediaType, "index") || strings.Contains(manifest.MediaType, "list") {
			if _, err := r.readIndex(r.blobs[manifest.Digest]); err != nil {
				return nil, err
			}
		}
	}
	return index.Manifests, nil
}

// split takes host.example/a/b:tag apart into a/b and tag.
func split(reference string) (repository, tag string) {
	repository, tag = reference, "latest"
	if colon := strings.LastIndex(reference, ":"); colon > strings.LastIndex(reference, "/") {
		repository, tag = reference[:colon], reference[colon+1:]
	}
	if host, rest, ok := strings.Cut(repository, "/"); ok && strings.ContainsAny(host, ".:") {
		repository = rest
	}
	return repository, tag
}

var route = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs|tags)/([^/]+)$`)

func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if request.Method != http.MethodGet && request.Method != http.MethodHead {
		fail(w, http.StatusMethodNotAllowed, "UNSUPPORTED", request.Method)
		return
	}
	if request.URL.Path == "/v2/" {
		return
	}
	part := route.FindStringSubmatch(request.URL.Path)
	if part == nil || r.tags[part[1]] == nil {
		fail(w, http.StatusNotFound, "NAME_UNKNOWN", request.URL.Path)
		return
	}
	switch part[2] {
	case "manifests":
		r.manifest(w, request, part[1], part[3])
	case "blobs":
		r.file(w, request, part[3], "application/octet-stream", "BLOB_UNKNOWN")
	case "tags":
		r.listTags(w, part[1])
	}
}

func (r *registry) manifest(w http.ResponseWriter, request *http.Request, repository, reference string) {
	digest := reference
	if !strings.Contains(reference, ":") {
		digest = r.tags[repository][reference]
	}
	mediaType, ok := r.manifests[digest]
	if !ok {
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN", repository+" "+reference)
		return
	}
	r.file(w, request, digest, mediaType, "MANIFEST_UNKNOWN")
}

// file answers with a blob, ranges included.
func (r *registry) file(w http.ResponseWriter, request *http.Request, digest, mediaType, unknown string) {
	file, err := os.Open(r.blobs[digest])
	if err != nil {
		fail(w, http.StatusNotFound, unknown, digest)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("ETag", `"`+digest+`"`)
	http.ServeContent(w, request, "", time.Time{}, file)
}

func (r *registry) listTags(w http.ResponseWriter, repository string) {
	var tags []string
	for tag := range r.tags[repository] {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"name": repository, "tags": tags})
}

func fail(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{
		{"code": code, "message": strings.ToLower(strings.ReplaceAll(code, "_", " ")), "detail": detail}}})
}
