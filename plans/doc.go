// Package plans keeps the plans of statements that were seen before, by the shape of the
// statement and all else that a plan depends on, for all sessions.
package plans
