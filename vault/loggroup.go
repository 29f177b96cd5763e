package vault

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxBatch     = 64               // acts in one transaction
	batchTimeout = 90 * time.Second // of one transaction, whatever its acts do
)

// errAgain is given to the acts of a transaction that broke under another of
// them: nothing of theirs was committed, and each is tried again alone.
var errAgain = errors.New("the transaction broke under another act")

// group has the acts of this process that append to the log share
// transactions: each waits for its turn, and what is waiting when the last
// transaction ended runs in the next one, each act in a savepoint of its own.
// So the one wait for the disk that makes an act durable serves all of them;
// an act that is alone waits for nobody. Acts run one after the other, in the
// order in which they came, which is also that of their events.
type group struct {
	mu      sync.Mutex // guards both
	queue   []*waiting
	leading bool // a goroutine is working off the queue; it ends with it
}

// waiting is an act in the queue. The goroutine that works off the queue owns
// it from when it leaves the queue until done is closed.
type waiting struct {
	ctx      context.Context
	fn       func(*tx) error
	alone    bool
	err      error
	panicked any
	settled  bool
	done     chan struct{}
}

// run has fn run in the next transaction and waits until it is committed or
// given up. Who goes away while in the queue leaves it; once fn has begun, its
// end is waited for.
func (g *group) run(ctx context.Context, v *Vault, fn func(*tx) error, alone bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &waiting{ctx: ctx, fn: fn, alone: alone, done: make(chan struct{})}
	g.mu.Lock()
	g.queue = append(g.queue, w)
	if !g.leading {
		g.leading = true
		go g.lead(v)
	}
	g.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
		if g.leave(w) {
			return ctx.Err()
		}
		<-w.done
	}
	if w.panicked != nil {
		panic(w.panicked) // here, where the caller can see whose it is
	}
	return w.err
}

// leave takes an act out of the queue, unless its turn has come.
func (g *group) leave(w *waiting) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, q := range g.queue {
		if q == w {
			g.queue = append(g.queue[:i:i], g.queue[i+1:]...)
			return true
		}
	}
	return false
}

// lead works off the queue until it is empty.
func (g *group) lead(v *Vault) {
	for {
		members := g.next()
		if members == nil {
			return
		}
		v.runBatch(members)
		for _, w := range members {
			close(w.done)
		}
	}
}

// next takes the acts of the next transaction; nil when there are none.
func (g *group) next() []*waiting {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for n < len(g.queue) && n < maxBatch && !g.queue[n].alone {
		n++
	}
	if n == 0 && len(g.queue) > 0 {
		n = 1
	}
	if n == 0 {
		g.leading = false
		return nil
	}
	members := g.queue[:n:n]
	g.queue = g.queue[n:]
	return members
}

// runBatch runs the acts in one transaction and settles each: with its own
// error, with that of the commit, or with errAgain.
func (v *Vault) runBatch(members []*waiting) {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	var callers atomic.Int64
	callers.Store(int64(len(members)))
	for _, w := range members { // when nobody waits any more, nor does the database
		stop := context.AfterFunc(w.ctx, func() {
			if callers.Add(-1) == 0 {
				cancel()
			}
		})
		defer stop()
	}
	err := v.inBatch(ctx, members)
	if err != nil && ctx.Err() != nil && callers.Load() == 0 {
		err = members[0].ctx.Err()
	}
	for _, w := range members {
		if !w.settled {
			w.err, w.settled = err, true
		}
	}
}

// inBatch settles the acts that failed by themselves. The error is that of all
// others.
func (v *Vault) inBatch(ctx context.Context, members []*waiting) error {
	b, err := v.beginBatch(ctx, true)
	if err != nil {
		return fmt.Errorf("beginning transaction: %w", err)
	}
	did := 0
	for _, w := range members {
		if w.err = w.ctx.Err(); w.err != nil {
			w.settled = true
			continue
		}
		if err := b.run(w, len(members) > 1); err != nil {
			b.rollback()
			if len(members) == 1 {
				return err
			}
			v.cfg.Log.Warn("a transaction of several acts broke; each is tried alone", "acts", len(members), "error", err)
			return errAgain
		}
		if !w.settled {
			did++
		}
	}
	if did == 0 {
		b.rollback()
		return nil
	}
	return b.commit(ctx)
}
