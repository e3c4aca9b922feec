//go:build !failpoints

package failpoint

// Here is a place where the process may be ended.
func Here(name string) {}
