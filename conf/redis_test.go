package conf

import (
	"testing"
	"time"
)

func TestRedisURL(t *testing.T) {
	for _, c := range []struct {
		url, env string
		want     Redis
	}{
		{"redis://cache", "", Redis{Address: "cache:6379", Prefix: "ifmatch:", Timeout: 250 * time.Millisecond}},
		{"redis://[::1]:7000/3", "", Redis{Address: "[::1]:7000", DB: 3, Prefix: "ifmatch:", Timeout: 250 * time.Millisecond}},
		{"redis://:s3cret@cache/", "env", Redis{Address: "cache:6379", Password: "s3cret", Prefix: "ifmatch:", Timeout: 250 * time.Millisecond}},
		{"redis://ann:s%40cret@cache", "", Redis{Address: "cache:6379", User: "ann", Password: "s@cret", Prefix: "ifmatch:", Timeout: 250 * time.Millisecond}},
		{"redis://ann:@cache", "env", Redis{Address: "cache:6379", User: "ann", Password: "env", Prefix: "ifmatch:", Timeout: 250 * time.Millisecond}},
		{"rediss://cache:6380?prefix=shop:&ca=/etc/ca.pem&timeout=1s", "env",
			Redis{Address: "cache:6380", TLS: true, CA: "/etc/ca.pem", Prefix: "shop:", Password: "env", Timeout: time.Second}},
	} {
		got, ok := (&Config{Contexts: c.url, ContextsPassword: c.env}).Redis()
		if !ok || got != c.want {
			t.Errorf("%s gives %+v, %v; want %+v", c.url, got, ok, c.want)
		}
	}
	if _, ok := (&Config{Contexts: InMemory}).Redis(); ok {
		t.Error("memory gives a server")
	}
}
