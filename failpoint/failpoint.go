// Package failpoint ends the process at a place that has a name, so that tests
// can ask what a crash there leaves behind. It does so only in a build with the
// tag failpoints, and there only at the place that IFMATCH_FAILPOINT names;
// in every other build a place is nothing.
package failpoint

// Env names the place, and with "#n" behind it that it is the n-th passing of the
// place that counts.
const Env = "IFMATCH_FAILPOINT"
