package stress

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are at most 1/16 wide.
type histogram struct {
	counts [buckets]uint32
	total  uint64
	most   time.Duration
}

const (
	fine    = 16 // buckets of each power of two
	fineLog = 4
	buckets = fine * (40 - fineLog) // up to 2^39 µs
)

// bucket gives the bucket of a number of microseconds.
func bucket(v uint64) int {
	if v < fine {
		return int(v)
	}
	shift := bits.Len64(v) - fineLog - 1
	return min(shift*fine+int(v>>shift), buckets-1)
}

// middle gives a duration in the middle of a bucket.
func middle(b int) time.Duration {
	if b < fine {
		return time.Duration(b) * time.Microsecond
	}
	shift := b/fine - 1
	low := uint64(b-shift*fine) << shift
	return time.Duration(low+uint64(1)<<shift/2) * time.Microsecond
}

// add counts a duration.
func (h *histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d.Microseconds(), 0)))]++
	h.total++
	h.most = max(h.most, d)
}

// merge counts what other has counted.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.most = max(h.most, other.most)
}

// quantile gives the duration that a share q of all does not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.total))
	var seen uint64
	for b, n := range h.counts {
		if seen += uint64(n); seen > rank {
			return min(middle(b), h.most)
		}
	}
	return h.most
}
