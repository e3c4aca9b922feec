package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// template is the data of a server that has never run. It is made once for each
// kind, and every server of that kind begins with a copy: making it takes a server
// longer than starting does.
type template struct {
	once sync.Once
	dir  string
	err  error
}

var templates struct {
	mu sync.Mutex
	of map[string]*template
}

// freshData makes a folder under parent whose subfolder data a server can start
// with. kind says what these data depend on; first puts those of a kind into
// the subfolder data of the folder that it is given.
func freshData(parent, kind string, first func(dir string) error) (string, error) {
	t := templateOf(parent + "\x00" + kind)
	t.once.Do(func() {
		if t.dir, t.err = newData(parent); t.err == nil {
			t.err = first(t.dir)
		}
		if t.err == nil {
			// The identity of a MySQL server: each makes its own.
			if err := os.Remove(filepath.Join(t.dir, "data", "auto.cnf")); !errors.Is(err, fs.ErrNotExist) {
				t.err = err
			}
		}
	})
	if t.err != nil {
		return "", t.err
	}
	dir, err := newData(parent)
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(filepath.Join(dir, "data"), os.DirFS(filepath.Join(t.dir, "data"))); err != nil {
		_ = os.RemoveAll(dir)
		return "", fmt.Errorf("copy the data of a new server: %w", err)
	}
	return dir, nil
}

func templateOf(kind string) *template {
	templates.mu.Lock()
	defer templates.mu.Unlock()
	t := templates.of[kind]
	if t == nil {
		t = &template{}
		if templates.of == nil {
			templates.of = map[string]*template{}
		}
		templates.of[kind] = t
	}
	return t
}

// removeTemplates removes what freshData has kept to copy from.
func removeTemplates() {
	templates.mu.Lock()
	defer templates.mu.Unlock()
	for _, t := range templates.of {
		if t.dir != "" {
			_ = os.RemoveAll(t.dir)
		}
	}
	templates.of = nil
}
