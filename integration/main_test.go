package integration

import (
	"os"
	"testing"

	"ifmatch/integration/racing"
	"ifmatch/integration/server"
)

func TestMain(m *testing.M) {
	code := server.Main(m)
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(racing.End(code))
}
