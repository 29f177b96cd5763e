package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	lookEvery  = 500 * time.Millisecond // at a folder, at least
	retryEvery = 30 * time.Second       // what waits, while nothing new comes
	tryAgain   = 10 * time.Second       // a file that could not be read
	maxFolder  = 10_000                 // files that are looked at
)

// watchOrder is what the person asked to watch.
type watchOrder struct {
	order
	folder   string
	settle   time.Duration
	idle     time.Duration
	keep     bool
	existing bool
}

func parseWatch(args []string) (o watchOrder, err error) {
	set, state := flags("watch")
	consent := orderFlags(set, &o.order)
	set.StringVar(&o.folder, "folder", "", "")
	set.DurationVar(&o.settle, "settle", 2*time.Second, "")
	set.DurationVar(&o.idle, "idle", 15*time.Minute, "")
	set.BoolVar(&o.keep, "keep", false, "")
	set.BoolVar(&o.existing, "existing", false, "")
	if err := parse(set, args); err != nil {
		return o, err
	}
	o.state = *state
	switch {
	case o.folder == "" || o.site == "" || set.NArg() > 0:
		return o, usageError{"watch needs --folder and --site, and takes no files"}
	case o.settle < 100*time.Millisecond || o.settle > time.Hour:
		return o, usageError{"--settle takes a time from 100ms to 1h"}
	case o.idle < time.Second || o.idle > 12*time.Hour:
		return o, usageError{"--idle takes a time from 1s to 12h"}
	}
	if err := checkTransport(o.transport); err != nil {
		return o, err
	}
	return o, o.allows(*consent)
}

// watcher seals what comes into a folder.
type watcher struct {
	*session // for asking and sealing; sending has one of its own
	order    watchOrder
	whose    *chosen // confirmed now; nil: nobody
	last     time.Time
	files    map[string]*watched
	sealed   int
	wake     chan struct{} // something was sealed
}

// watch is the command of that name.
func watch(ctx context.Context, args []string, s surroundings) error {
	o, err := parseWatch(args)
	if err != nil {
		return err
	}
	if info, err := os.Stat(o.folder); err != nil || !info.IsDir() {
		return errors.Join(errors.New("--folder must name a folder that exists"), bare(err))
	}
	var out sync.Mutex // two goroutines tell
	s.stdout, s.stderr = &shared{w: s.stdout, mu: &out}, &shared{w: s.stderr, mu: &out}
	r, err := open(o.state, s)
	if err != nil {
		return err
	}
	r.transport = o.transport
	w := &watcher{session: r, order: o, files: map[string]*watched{}, wake: make(chan struct{}, 1)}
	alone, err := claimFolder(o.folder)
	if errors.Is(err, errHeld) { // each of the two would seal every photo, perhaps for another patient
		return errors.New("another run of capture watches this folder: end it first")
	}
	if err == nil { // else it has no locks
		defer alone()
	}
	release, err := w.start(ctx)
	if err != nil {
		return err
	}
	defer release()
	var sender sync.WaitGroup
	sender.Go(func() { w.sendOn(ctx) })
	err = w.run(ctx)
	close(w.wake) // what was sealed is sent before the end, unless the person has no time for it
	sender.Wait()
	return w.end(err)
}

// start takes the folder over: whose photos come, what runs that were cut short have left, and what was there before.
func (w *watcher) start(ctx context.Context) (release func(), err error) {
	if release, err = w.wiping(!w.order.keep); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	if w.order.keep {
		fmt.Fprintln(w.stderr, "--keep: originals are not wiped. They are not protected by the vault: delete them yourself, from trash and backups too.")
	}
	if w.order.patient == "" {
		known, err := w.published(ctx)
		if err == nil {
			err = checkSite(known.BodySites, w.order.site, w.order.side)
		}
		if err != nil {
			return release, nothingSealed(err)
		}
		fmt.Fprintln(w.stdout, askWristband)
	} else {
		w.order.compared = true
		in, facts, err := w.prepare(ctx, w.order.order)
		if err != nil {
			return release, nothingSealed(err)
		}
		w.confirm(&chosen{in, facts})
	}
	if err := w.takeStock(w.order.existing && w.whose != nil); err != nil {
		return release, err
	}
	fmt.Fprintln(w.stdout, "watching the folder; stop with Ctrl-C")
	return release, nil
}

// run looks at the folder again and again until it is told to stop, or nobody can say whose photos come next.
func (w *watcher) run(ctx context.Context) error {
	var lines chan string // nil: nobody says another patient
	if w.order.patient == "" {
		lines = make(chan string)
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		go readLines(ctx, w.stdin, lines)
	}
	every := time.NewTicker(min(lookEvery, w.order.settle/2))
	defer every.Stop()
	for {
		if err := w.pass(); err != nil {
			return err
		}
		if w.whose == nil && lines == nil || w.quiet(lines != nil) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case line, more := <-lines:
			if !more {
				lines = nil
			} else if err := w.heard(ctx, line, lines); err != nil {
				return err
			}
		case <-every.C:
		}
	}
}

// quiet ends a patient's time when no photo has come for a while, so that the next one is surely of who is confirmed; true
// where nobody can confirm another.
func (w *watcher) quiet(asks bool) bool {
	if w.whose == nil || w.now().Sub(w.last) <= w.order.idle {
		return false
	}
	if !asks {
		fmt.Fprintln(w.stdout, "no photo came for a while: start again for the next one, so that it is surely of this patient")
		return true
	}
	w.whose = nil
	fmt.Fprintln(w.stdout, "no photo came for a while. "+askWristband)
	return false
}

// confirm makes p the one whose photos come from now on.
func (w *watcher) confirm(p *chosen) { w.whose, w.last = p, w.now() }

// rouse tells the sender that something was sealed.
func (w *watcher) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// shared lets several goroutines write whole lines to one place.
type shared struct {
	w  io.Writer
	mu *sync.Mutex
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
