package vaulttest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/clinivault/clinivault/vault"
)

// Op is an operation on a store.
type Op string

// The operations that a fault can hit.
const (
	OpPut    Op = "put"
	OpGet    Op = "get"
	OpDelete Op = "delete"
	OpList   Op = "list"
	OpPing   Op = "ping"
)

// Fault is what happens to one operation.
type Fault int

// The faults. Refuse and Lose answer vault.ErrUnavailable.
const (
	Apply  Fault = iota // no fault
	Refuse              // nothing is done
	Lose                // it is done, but its answer is lost
)

// Memory is a Blobs in memory, for tests. Its zero value is ready.
type Memory struct {
	mu      sync.Mutex // guards all below
	objects map[string][]byte
	steps   int
	fault   func(step int, op Op, name string) Fault
}

// OnOp has each further operation ask fn what happens to it; step counts from 1
// since this call. A nil fn ends all faults. fn must not call the store.
func (m *Memory) OnOp(fn func(step int, op Op, name string) Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps, m.fault = 0, fn
}

// FaultAt hits the nth operation from now with f, and only that one.
func (m *Memory) FaultAt(n int, f Fault) {
	m.OnOp(func(step int, _ Op, _ string) Fault {
		if step == n {
			return f
		}
		return Apply
	})
}

// Steps is the number of operations since the last OnOp or FaultAt.
func (m *Memory) Steps() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.steps
}

// step runs one operation, or not; apply runs under the lock.
func (m *Memory) step(ctx context.Context, op Op, name string, apply func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.steps++
	fault := Apply
	if m.fault != nil {
		fault = m.fault(m.steps, op, name)
	}
	if fault == Refuse {
		return fmt.Errorf("%w: %s refused by the test", vault.ErrUnavailable, op)
	}
	err := apply()
	if fault == Lose {
		return fmt.Errorf("%w: answer to %s lost by the test", vault.ErrUnavailable, op)
	}
	return err
}

// Put is vault.Blobs.Put.
func (m *Memory) Put(ctx context.Context, name string, body io.Reader, size int64) error {
	if err := vault.CheckBlobName(name); err != nil {
		return err
	}
	whole, err := io.ReadAll(io.LimitReader(body, size+1))
	if err != nil {
		return err
	}
	if int64(len(whole)) < size {
		return io.ErrUnexpectedEOF
	}
	if int64(len(whole)) > size {
		return vault.ErrInvalid
	}
	return m.step(ctx, OpPut, name, func() error {
		if _, ok := m.objects[name]; ok {
			return vault.ErrExists
		}
		if m.objects == nil {
			m.objects = map[string][]byte{}
		}
		m.objects[name] = whole
		return nil
	})
}

// Get is vault.Blobs.Get.
func (m *Memory) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := vault.CheckBlobName(name); err != nil {
		return nil, err
	}
	var body []byte
	err := m.step(ctx, OpGet, name, func() error {
		b, ok := m.objects[name]
		if !ok {
			return vault.ErrAbsent
		}
		body = slices.Clone(b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(body)), nil
}

// Delete is vault.Blobs.Delete.
func (m *Memory) Delete(ctx context.Context, name string) error {
	if err := vault.CheckBlobName(name); err != nil {
		return err
	}
	return m.step(ctx, OpDelete, name, func() error {
		delete(m.objects, name)
		return nil
	})
}

// List is vault.Blobs.List.
func (m *Memory) List(ctx context.Context, prefix string, fn func(name string, size int64) error) error {
	if err := vault.CheckBlobPrefix(prefix); err != nil {
		return err
	}
	type found struct {
		name string
		size int64
	}
	var all []found
	err := m.step(ctx, OpList, prefix, func() error {
		for name, b := range m.objects {
			if strings.HasPrefix(name, prefix) {
				all = append(all, found{name, int64(len(b))})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, f := range all {
		if err := fn(f.name, f.size); err != nil {
			return err
		}
	}
	return nil
}

// Ping is vault.Blobs.Ping.
func (m *Memory) Ping(ctx context.Context) error {
	return m.step(ctx, OpPing, "", func() error { return nil })
}

// Names lists the objects, sorted, without counting as an operation.
func (m *Memory) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.objects {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Bytes is a copy of what is stored under name, nil when nothing is.
func (m *Memory) Bytes(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.objects[name])
}

// Tamper puts body under name as whoever runs the store could; nil removes it.
func (m *Memory) Tamper(name string, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if body == nil {
		delete(m.objects, name)
		return
	}
	if m.objects == nil {
		m.objects = map[string][]byte{}
	}
	m.objects[name] = slices.Clone(body)
}
