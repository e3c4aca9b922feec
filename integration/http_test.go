package integration

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// get gives the text at a URL that has to answer 200.
func get(t testing.TB, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, error %v\n%s", url, answer.Status, err, body)
	}
	return string(body)
}

// contains says whether line is one of the lines of text.
func contains(text, line string) bool {
	return strings.Contains("\n"+text+"\n", "\n"+line+"\n")
}
