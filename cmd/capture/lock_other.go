//go:build !unix

package main

import (
	"context"
	"time"
)

// lock does nothing here: two runs may send the same capture, and the server answers both with the same receipt.
func (q *queue) lock(context.Context, func(context.Context, time.Duration) error) (unlock func(), err error) {
	return func() {}, nil
}
