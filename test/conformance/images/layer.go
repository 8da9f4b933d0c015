package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"path"
	"slices"
	"strings"
	"time"
)

// file is one entry of a layer: a directory if its name ends in '/', a hard link if link is set.
type file struct {
	name string
	mode int64
	data []byte
	link string
}

// layer packs files into a gzipped tar; directories that nobody names are added. The same files
// give the same bytes, whenever and wherever.
func layer(files ...file) (compressed, plain []byte) {
	var tarball, zipped bytes.Buffer
	archive := tar.NewWriter(&tarball)
	for _, f := range withParents(files) {
		must(archive.WriteHeader(f.header()))
		_, err := archive.Write(f.data)
		must(err)
	}
	must(archive.Close())
	zip := gzip.NewWriter(&zipped)
	_, err := zip.Write(tarball.Bytes())
	must(err)
	must(zip.Close())
	return zipped.Bytes(), tarball.Bytes()
}

func withParents(files []file) []file {
	var out []file
	seen := map[string]bool{"./": true}
	for _, f := range files {
		var parents []file
		for dir := path.Dir(strings.TrimSuffix(f.name, "/")) + "/"; !seen[dir]; dir = path.Dir(strings.TrimSuffix(dir, "/")) + "/" {
			seen[dir] = true
			parents = append(parents, file{name: dir, mode: 0o755})
		}
		slices.Reverse(parents)
		seen[f.name] = true
		out = append(append(out, parents...), f)
	}
	return out
}

func (f file) header() *tar.Header {
	h := &tar.Header{
		Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Linkname: f.link,
		Typeflag: tar.TypeReg, ModTime: time.Unix(1700000000, 0), Format: tar.FormatUSTAR,
	}
	if f.link != "" {
		h.Typeflag = tar.TypeLink
	} else if strings.HasSuffix(f.name, "/") {
		h.Typeflag = tar.TypeDir
	}
	return h
}
