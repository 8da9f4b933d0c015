package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// layout is an OCI image layout that grows on disk.
type layout struct {
	dir       string
	manifests []descriptor
}

func newLayout(dir string) *layout {
	must(os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755))
	return &layout{dir: dir}
}

func (l *layout) blob(mediaType string, data []byte) descriptor {
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	must(os.WriteFile(filepath.Join(l.dir, "blobs", "sha256", sum), data, 0o644))
	return descriptor{MediaType: mediaType, Digest: "sha256:" + sum, Size: len(data)}
}

func (l *layout) document(mediaType string, content any) descriptor {
	data, err := json.Marshal(content)
	must(err)
	return l.blob(mediaType, data)
}

// name gives an image a full reference, in the annotation that tools look at.
func (l *layout) name(image descriptor, reference string) {
	image.Annotations = map[string]string{"org.opencontainers.image.ref.name": reference}
	l.manifests = append(l.manifests, image)
}

func (l *layout) close() {
	index, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ociTypes.index, "manifests": l.manifests})
	must(err)
	must(os.WriteFile(filepath.Join(l.dir, "index.json"), index, 0o644))
	must(os.WriteFile(filepath.Join(l.dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644))
}

// dialect is one of the two families of media types in use.
type dialect struct{ index, manifest, config, layer string }

var (
	ociTypes = dialect{
		"application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
		"application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"}
	dockerTypes = dialect{
		"application/vnd.docker.distribution.manifest.list.v2+json",
		"application/vnd.docker.distribution.manifest.v2+json",
		"application/vnd.docker.container.image.v1+json",
		"application/vnd.docker.image.rootfs.diff.tar.gzip"}
)

// image is what one reference stands for.
type image struct {
	types  dialect
	layers [][]file
	run    process
}

// process is the part of an image's configuration that says what to run.
type process struct {
	User       string   `json:",omitempty"`
	Env        []string `json:",omitempty"`
	Entrypoint []string `json:",omitempty"`
	Cmd        []string `json:",omitempty"`
}

// add writes an index over two platforms: a decoy first, then the image for this machine.
func (l *layout) add(img image, machine platform) descriptor {
	decoy := image{types: img.types, layers: [][]file{{{name: "wrong-platform", mode: 0o644}}}}
	return l.document(img.types.index, map[string]any{
		"schemaVersion": 2, "mediaType": img.types.index, "manifests": []descriptor{
			l.manifest(decoy, platform{"s390x", "linux"}), l.manifest(img, machine)}})
}

func (l *layout) manifest(img image, p platform) descriptor {
	var layers []descriptor
	var diffs []string
	var history []map[string]string
	for _, files := range img.layers {
		compressed, plain := layer(files...)
		layers = append(layers, l.blob(img.types.layer, compressed))
		diffs = append(diffs, fmt.Sprintf("sha256:%x", sha256.Sum256(plain)))
		history = append(history, map[string]string{"created_by": "test/conformance/images"})
	}
	config := l.document(img.types.config, map[string]any{
		"architecture": p.Architecture, "os": p.OS, "config": img.run, "history": history,
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs}})
	manifest := l.document(img.types.manifest, map[string]any{
		"schemaVersion": 2, "mediaType": img.types.manifest, "config": config, "layers": layers})
	manifest.Platform = &p
	return manifest
}
