package vault

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// hashReader reads stored hashes of the tree, all in one query (at most two
// for each level of the tree).
func hashReader(ctx context.Context, q querier) tlog.HashReader {
	return tlog.HashReaderFunc(func(ids []int64) ([]tlog.Hash, error) {
		if len(ids) == 0 {
			return nil, nil
		}
		var marks strings.Builder
		args := make([]any, len(ids))
		for i, id := range ids {
			if i > 0 {
				marks.WriteByte(',')
			}
			marks.WriteString("$" + strconv.Itoa(i+1))
			args[i] = id
		}
		rows, err := q.QueryContext(ctx, `SELECT id, hash FROM audit_hashes WHERE id IN (`+marks.String()+`)`, args...)
		if err != nil {
			return nil, fmt.Errorf("reading log hashes: %w", err)
		}
		defer rows.Close()
		found := make(map[int64]tlog.Hash, len(ids))
		for rows.Next() {
			var id int64
			var b []byte
			if err := rows.Scan(&id, &b); err != nil {
				return nil, fmt.Errorf("reading log hashes: %w", err)
			}
			if len(b) == tlog.HashSize {
				found[id] = tlog.Hash(b)
			}
		}
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("reading log hashes: %w", err)
		}
		return inOrder(ids, found)
	})
}

func inOrder(ids []int64, found map[int64]tlog.Hash) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(ids))
	for i, id := range ids {
		h, ok := found[id]
		if !ok {
			return nil, fmt.Errorf("log hash %d is missing: %w", id, ErrIntegrity)
		}
		out[i] = h
	}
	return out, nil
}

// frontier computes the tree's root while records stream by, in memory that
// grows with the logarithm of their number (RFC 6962, section 2.1).
type frontier struct {
	size  int64
	peaks []peak
}

// peak is a full subtree of 2^level records.
type peak struct {
	level int
	hash  tlog.Hash
}

// add takes the next record's leaf hash and returns the hashes that it
// completes, which are those that tlog.StoredHashes would have stored.
func (f *frontier) add(leaf tlog.Hash) []tlog.Hash {
	f.size++
	done := []tlog.Hash{leaf}
	f.peaks = append(f.peaks, peak{hash: leaf})
	for n := len(f.peaks); n > 1 && f.peaks[n-1].level == f.peaks[n-2].level; n = len(f.peaks) {
		joined := tlog.NodeHash(f.peaks[n-2].hash, f.peaks[n-1].hash)
		f.peaks = append(f.peaks[:n-2], peak{f.peaks[n-2].level + 1, joined})
		done = append(done, joined)
	}
	return done
}

// root is the tree's hash over the records so far.
func (f *frontier) root() (tlog.Hash, error) {
	if f.size == 0 {
		return tlog.TreeHash(0, nil)
	}
	h := f.peaks[len(f.peaks)-1].hash
	for i := len(f.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.peaks[i].hash, h)
	}
	return h, nil
}
