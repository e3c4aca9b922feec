package contexts

import (
	"crypto/rand"
	"strings"

	"github.com/gomodule/redigo/redis"
)

// recognize finds out over a new connection whether the server still has what it
// had. It marks one that has nothing, and knows it by the mark.
func (s *Store) recognize(k *conn) error {
	key, mine := s.cfg.Prefix+version+":server", rand.Text()
	k.Send("SET", key, mine, "NX")
	k.Send("GET", key)
	if err := k.Flush(); err != nil {
		k.Close()
		return err
	}
	_, err := k.Receive()
	mark := ""
	if err == nil {
		mark, err = redis.String(k.Receive())
	}
	if err != nil {
		k.Close()
		return err
	}
	if was := s.server.Swap(&mark); was != nil && *was != mark {
		s.cfg.Meter.ContextStoreForgot()
		s.cfg.Log.Error("the server of contexts has lost what they had read, or is another one; rows that were read before are unread now",
			"address", s.cfg.Address)
	}
	return nil
}

// warnOfEviction warns of a server that takes away what it is to keep.
func (s *Store) warnOfEviction() {
	var info string
	err := s.conns.do(unhurried, func(c redis.Conn) (err error) {
		info, err = redis.String(c.Do("INFO", "memory"))
		return err
	})
	if err != nil {
		return // it may not be allowed, and need not be
	}
	for line := range strings.Lines(info) {
		if policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); ok && policy != "noeviction" {
			s.cfg.Log.Warn("the server of contexts forgets rows that were read when it is full, and writes to them are then not held against anything; "+
				"set its maxmemory-policy to noeviction", "address", s.cfg.Address, "maxmemory_policy", policy)
		}
	}
}
