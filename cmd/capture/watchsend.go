package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// sendOn sends what is sealed as it comes, in a session of its own that sees a new sign-in, until wake is closed; then it
// sends once more and ends. A fault is told once; what could not be sent is tried again.
func (w *watcher) sendOn(ctx context.Context) {
	told := ""
	timer := time.NewTimer(0)
	defer timer.Stop()
	for more := true; more; {
		select {
		case _, more = <-w.wake:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		err := w.sendNow(ctx)
		if err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			fmt.Fprintf(w.stderr, "capture: %v\n", err)
		}
		if err == nil {
			told = ""
		}
		timer.Reset(retryEvery)
	}
}

// sendNow sends everything of whoever is signed in now that was not refused.
func (w *watcher) sendNow(ctx context.Context) error {
	r, err := open(w.order.state, w.surroundings)
	if err != nil {
		return err
	}
	defer r.client.http.CloseIdleConnections()
	r.transport = w.order.transport
	_, err = r.sendQueue(ctx, func(it item) bool { return it.State != stateFailed })
	return err
}

// end says how the watching went; err is why it ended, nil when it was told to or had nothing more to do.
func (w *watcher) end(err error) error {
	items, queueErr := w.queue.items()
	left := 0
	for _, f := range w.files {
		if f.told != "" || !f.settled {
			left++
		}
	}
	fmt.Fprintf(w.stdout, "%d photos sealed; %d sealed photos wait in the queue; %d files stay in the folder\n", w.sealed, len(items), left)
	switch err := errors.Join(err, queueErr); {
	case err != nil:
		return err
	case len(items) > 0:
		return codeError{exitWaiting, errors.New("not everything was received: run capture flush later")}
	case left > 0:
		return codeError{exitPartly, errors.New("some files were not sealed and stay where they are")}
	}
	return nil
}
