package proxy

import (
	"context"
	"log/slog"
)

// A sessionLog says of each record which session it is of. Most sessions log
// nothing, so that is put together only where there is something to say.
type sessionLog struct {
	slog.Handler
	s *session
}

// Handle logs r, with the session before all else.
func (l sessionLog) Handle(ctx context.Context, r slog.Record) error {
	return l.Handler.WithAttrs(l.attrs()).Handle(ctx, r)
}

// WithAttrs and WithGroup give a handler that says the same.
func (l sessionLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return l.Handler.WithAttrs(append(l.attrs(), attrs...))
}

func (l sessionLog) WithGroup(name string) slog.Handler {
	return l.Handler.WithAttrs(l.attrs()).WithGroup(name)
}

func (l sessionLog) attrs() []slog.Attr {
	return []slog.Attr{slog.Any("session", l.s.id), slog.String("client", l.s.client.NetConn().RemoteAddr().String())}
}
