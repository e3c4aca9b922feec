// Package integration tests the ifmatch binary between real clients and real
// servers. What it holds besides tests starts a proxy for one of them.
package integration
