package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"path/filepath"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/sirupsen/logrus"
)

// engine is a MySQL-compatible server inside this process. Its data are in
// memory and end with it.
type engine struct {
	address string // host:port
	server  *server.Server
	engine  *sqle.Engine
}

// startEngine serves an empty database shop on address. dir is a folder of the
// demo's own.
func startEngine(address, dir string) (*engine, error) {
	// The engine and its protocol library log to these two; the page is for
	// the story alone.
	logrus.SetOutput(io.Discard)
	log.SetOutput(io.Discard)

	shop := memory.NewDatabase("shop")
	shop.EnablePrimaryKeyIndexes()
	provider := memory.NewDBProvider(shop)
	e := sqle.NewDefault(provider)
	// Whoever has an account on this machine can connect, so LOAD DATA,
	// LOAD_FILE and INTO OUTFILE are confined to a folder that is not there.
	if err := sql.SystemVariables.AssignValues(map[string]any{"secure_file_priv": filepath.Join(dir, "none")}); err != nil {
		return nil, fmt.Errorf("keep the engine from files: %w", err)
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	address = ln.Addr().String()
	s, err := server.NewServer(server.Config{Listener: ln, Address: address}, e, sql.NewContext, memory.NewSessionBuilder(provider), nil)
	if err != nil {
		ln.Close()
		return nil, err
	}
	go s.Start() // its error is always nil
	return &engine{address, s, e}, nil
}

func (e *engine) close() {
	e.server.Close()
	e.engine.Close()
}
