package readset

import "time"

// Begin opens a transaction. See [Scope].
func (r *Request) Begin() {
	r.Commit()
	if !r.lock() {
		return
	}
	defer r.unlock()
	r.view.Begin()
	r.pending.Begin()
}

// Commit ends the transaction and gives what it did to the context. See [Scope].
func (r *Request) Commit() {
	if !r.lock() {
		return
	}
	defer r.unlock()
	x := r.context
	if r.view.dropped > 0 {
		// Which rows were written is not known any longer, but how those
		// that are in the view are now.
		x.note(Clear, 0, nil, nil, time.Time{})
		x.reads.forgetAll()
		r.view.All(func(table uint32, key, token []byte, at time.Time) bool {
			if token[0] != unread {
				x.publish(0, table, key, token[1:], at)
			}
			return true
		})
	}
	r.view.changes(func(table uint32, key, before []byte, read bool) {
		was := read && before[0] != unread
		if read {
			before = before[1:]
		}
		kind, token, at, _ := r.look(table, key)
		x.settle(r, table, key, before, was, token, kind != unread, at)
	})
	r.pending.All(func(table uint32, key, token []byte, at time.Time) bool {
		if !r.silent(table, key) {
			x.publish(r.number, table, key, token, at)
		}
		return true
	})
	r.view.Commit()
	r.pending.Clear()
}

// Rollback ends the transaction and takes back what it wrote. See [Scope].
func (r *Request) Rollback() {
	if !r.lock() {
		return
	}
	defer r.unlock()
	r.view.Rollback()
	r.pending.Clear()
}

// Savepoint sets a savepoint. See [Scope].
func (r *Request) Savepoint(name string) {
	if !r.lock() {
		return
	}
	defer r.unlock()
	r.view.Savepoint(name)
	r.pending.Savepoint(name)
}

// RollbackTo takes back what was written since a savepoint. See [Scope].
func (r *Request) RollbackTo(name string) {
	if !r.lock() {
		return
	}
	defer r.unlock()
	if r.view.open && r.view.savepoint(name) < 0 {
		r.doubt()
	}
	r.view.RollbackTo(name)
	r.pending.RollbackTo(name)
}

// Release removes a savepoint and those after it. See [Scope].
func (r *Request) Release(name string) {
	if !r.lock() {
		return
	}
	defer r.unlock()
	r.view.Release(name)
	r.pending.Release(name)
}

// Uncertain ends a transaction whose fate is not proved. What it wrote becomes
// unread for the context. See [Scope].
func (r *Request) Uncertain() {
	if !r.lock() {
		return
	}
	defer r.unlock()
	r.doubt()
	r.view.Uncertain()
	r.pending.Clear()
}

// doubt makes unread for the context what the open transaction wrote.
func (r *Request) doubt() {
	x := r.context
	if r.view.dropped > 0 {
		x.note(Clear, 0, nil, nil, time.Time{})
		x.reads.forgetAll()
	}
	r.view.changes(func(table uint32, key, _ []byte, _ bool) {
		x.note(Forget, table, key, nil, time.Time{})
		x.reads.Forget(table, key)
	})
}
