// Package observe has what it takes to see what would have become of writes that are only
// observed, without touching the client's session: readings on connections beside it, and
// which rows the session has written that such a reading cannot see yet, or has to read
// again.
package observe
