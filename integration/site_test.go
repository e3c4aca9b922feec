package integration

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// site is a web application that runs as a process of its own.
type site struct{ url string }

// serve runs the application that command makes for an address until the test
// ends.
func serve(t *testing.T, command func(addr string) *exec.Cmd) *site {
	t.Helper()
	for range 3 {
		addr := freeAddr(t)
		cmd, log, exited := command(addr), &Log{}, make(chan struct{})
		cmd.Stdout, cmd.Stderr = log, log
		// What a proxy of the machine's own is set for is not for 127.0.0.1.
		cmd.Env = append(cmd.Environ(), "no_proxy=127.0.0.1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			cmd.Wait()
			close(exited)
		}()
		up, ended := false, false
		await(func() bool {
			select {
			case <-exited:
				ended = true
			default:
				if conn, err := net.Dial("tcp", addr); err == nil {
					conn.Close()
					up = true
				}
			}
			return up || ended
		})
		if up {
			t.Cleanup(func() {
				cmd.Process.Kill()
				<-exited
				if t.Failed() {
					t.Logf("log of the application:\n%s", log.tail())
				}
			})
			return &site{url: "http://" + addr}
		}
		cmd.Process.Kill()
		<-exited
		if !strings.Contains(log.String(), "in use") {
			t.Fatalf("%s does not answer:\n%s", cmd, log)
		}
	}
	t.Fatal("no free port for the application")
	return nil
}

// browser is one user, with the cookies and the connection of their own.
type browser struct{ client *http.Client }

func newBrowser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxConnsPerHost: 1}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{&http.Client{Jar: jar, Transport: transport, Timeout: patience}}
}

// page is what a browser was answered.
type page struct {
	code int
	body string
	err  error
}

func (p page) String() string {
	const most = 3000
	return fmt.Sprintf("%d, error %v\n%s", p.code, p.err, p.body[:min(len(p.body), most)])
}

func (b *browser) get(url string) page { return b.request(http.MethodGet, url, nil) }

func (b *browser) post(url string, form url.Values) page {
	return b.request(http.MethodPost, url, form)
}

func (b *browser) request(method, url string, form url.Values) page {
	r, err := http.NewRequest(method, url, strings.NewReader(form.Encode()))
	if err != nil {
		return page{err: err}
	}
	r.Header.Set("Accept", "text/plain") // errors in few words
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := b.client.Do(r)
	if err != nil {
		return page{err: err}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return page{answer.StatusCode, string(body), err}
}

// debian finds a program of a Debian package. Where it is not there the test fails.
func debian(t *testing.T, program, packages string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("no %s (Debian's packages %s; integration/server/install installs them): %v", program, packages, err)
	}
	return path
}

// folder gives the absolute path of a folder of test data.
func folder(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir + "/testdata/" + name
}
