//go:build !js

package imaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	defaultTimeout = 30 * time.Second
	defaultMemory  = 1536 << 20
	defaultCPU     = 20
	pixelsPerChild = 16_000_000
	// answerFactor bounds an answer by the longest input: pixels encoded anew can outgrow a tight source, and
	// up to five pictures travel.
	answerFactor = 4
	maxStderr    = 16 << 10
)

// PoolConfig says how pictures are read. One of Command and InProcess is required: a Pool that would read
// hostile bytes in this process by accident does not exist.
type PoolConfig struct {
	Command     []string      // program and arguments of a child, such as /proc/self/exe child
	InProcess   bool          // read in this process, without limits: for tests
	Size        int           // children at a time; default: one a core
	Pixels      int64         // pixels of all pictures being read at a time; default: 16 million a child, at least one largest picture
	Timeout     time.Duration // wall time of one child; default 30 s
	MemoryBytes uint64        // memory of one child beyond the program itself; default 1.5 GiB
	CPUSeconds  uint64        // processor time of one child; default 20 s
	Limits      Limits        // of the pictures

	// Opinion are the weights of a second opinion on faces (OpenOpinion), and OpinionSHA256 their digest, in hex; empty
	// for none. They travel to each child that searches a picture.
	Opinion       []byte
	OpinionSHA256 string
}

// Pool reads pictures in child processes: one process a picture, limited in memory, processor time, files and
// wall time, with an empty environment and, where the kernel allows it, no network. Pictures cross pipes and
// never touch a file. What a child answers is checked again: each picture by Verify, a redaction by Prove.
//
// Errors: a sentinel other than ErrChild is about the picture. ErrChild means the child was stopped or talked
// nonsense: a bomb, or bad luck; another attempt may tell. Others (a child that could not be started, an ended
// context) say nothing of the picture. A Pool is safe for concurrent use and needs no closing.
type Pool struct {
	cfg    PoolConfig
	slots  chan struct{}
	pixels *semaphore.Weighted // the budget of PoolConfig.Pixels
	plain  atomic.Bool         // the kernel refused namespaces once
}

// NewPool checks the configuration.
func NewPool(cfg PoolConfig) (*Pool, error) {
	if (len(cfg.Command) == 0) != cfg.InProcess {
		return nil, errors.New("imaging: a pool needs either a command or to be in process")
	}
	if !cfg.InProcess && !childrenSupported {
		return nil, errors.New("imaging: no limited child processes on this system")
	}
	if cfg.Size <= 0 {
		cfg.Size = runtime.NumCPU()
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.MemoryBytes == 0 {
		cfg.MemoryBytes = defaultMemory
	}
	if cfg.CPUSeconds == 0 {
		cfg.CPUSeconds = defaultCPU
	}
	cfg.Limits = cfg.Limits.orDefault()
	if len(cfg.Opinion) > MaxOpinionBytes {
		return nil, fmt.Errorf("%w: too large", ErrWeights)
	}
	if cfg.OpinionSHA256 != "" {
		if _, err := OpenOpinion(cfg.Opinion, cfg.OpinionSHA256); err != nil {
			return nil, err
		}
	}
	if cfg.Pixels <= 0 {
		cfg.Pixels = max(int64(cfg.Size)*pixelsPerChild, cfg.Limits.MaxPixels)
	}
	return &Pool{cfg: cfg, slots: make(chan struct{}, cfg.Size), pixels: semaphore.NewWeighted(cfg.Pixels)}, nil
}

// ask sends one request to a child of its own and gives the checked answer with exactly n pictures.
func (p *Pool) ask(ctx context.Context, op string, data []byte, regions []Region, n int) (*response, error) {
	limit := p.cfg.Limits.MaxBytes
	if op != opRead && op != opInspect && op != opDetect {
		limit *= answerFactor
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: too many bytes", ErrTooLarge)
	}
	done, err := p.admit(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("waiting for a reader: %w", err)
	}
	defer done()
	req := request{Op: op, Limits: p.cfg.Limits, MemoryBytes: p.cfg.MemoryBytes, CPUSeconds: p.cfg.CPUSeconds, Regions: regions}
	if op == opRead || op == opRedact || op == opDetect {
		req.Opinion, req.weights = p.cfg.OpinionSHA256, p.cfg.Opinion
	}
	var out []byte
	if p.cfg.InProcess {
		out, err = serve(req, data)
	} else {
		out, err = p.run(ctx, req, data)
	}
	if err != nil {
		return nil, err
	}
	resp, err := parseResponse(out)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChild, err)
	}
	if err := resp.err(); err != nil {
		return nil, err
	}
	if len(resp.pictures) != n {
		return nil, fmt.Errorf("%w: %w", ErrChild, errFrame)
	}
	return resp, nil
}

// admit waits until the budget has room for the pixels that data claims, and then for a slot.
func (p *Pool) admit(ctx context.Context, data []byte) (done func(), err error) {
	n := min(claimed(data, p.cfg.Limits.MaxPixels), p.cfg.Pixels)
	if err := p.pixels.Acquire(ctx, n); err != nil {
		return nil, err
	}
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots; p.pixels.Release(n) }, nil
	case <-ctx.Done():
		p.pixels.Release(n)
		return nil, ctx.Err()
	}
}

// claimed is how many pixels a picture says it has, at most most; what does not say is taken for the largest. It serves
// the budget alone: the child reads and bounds the picture anew.
func claimed(data []byte, most int64) int64 {
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		config, err = png.DecodeConfig(bytes.NewReader(data))
	}
	if err != nil || config.Width <= 0 || config.Height <= 0 || int64(config.Width) > most/int64(config.Height) {
		return most
	}
	return int64(config.Width) * int64(config.Height)
}

// run starts a child for one request and collects its answer.
func (p *Pool) run(ctx context.Context, req request, data []byte) ([]byte, error) {
	head, err := appendFrame(req, req.pictures(data)...)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	out := &capped{limit: int(p.cfg.Limits.MaxBytes*answerFactor) + maxHeadBytes}
	said := &capped{limit: maxStderr, drop: true}
	cmd, err := p.start(limited, head, out, said)
	if err != nil {
		return nil, fmt.Errorf("starting a reader: %w", err)
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("reading: %w", ctx.Err())
	case limited.Err() != nil:
		return nil, fmt.Errorf("%w: time limit", ErrChild)
	case out.over:
		return nil, fmt.Errorf("%w: answer too long", ErrChild)
	case err != nil:
		return nil, fmt.Errorf("%w: %s", ErrChild, p.death(cmd, said.buf.Bytes()))
	}
	return out.buf.Bytes(), nil
}

// start starts a child in namespaces of its own, or without them once the kernel has refused.
func (p *Pool) start(ctx context.Context, frame []byte, out, said io.Writer) (*exec.Cmd, error) {
	for {
		namespaces := !p.plain.Load()
		cmd := exec.CommandContext(ctx, p.cfg.Command[0], p.cfg.Command[1:]...)
		cmd.Env = []string{} // nil would mean ours
		cmd.Dir = "/"
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(frame), out, said
		cmd.WaitDelay = time.Second
		confine(cmd, namespaces)
		err := cmd.Start()
		if err == nil {
			return cmd, nil
		}
		if !namespaces || ctx.Err() != nil || !refusesNamespaces(err) {
			return nil, err // short of files or memory, a child is not started with less around it
		}
		p.plain.Store(true)
	}
}

// starved are the last words of a Go program, and of the kernel through it, that could not get more memory: which
// of them depends on whether the heap, its metadata or a thread's stack asked first.
var starved = []string{"out of memory", "cannot allocate memory", "errno=12", "cannot map pages", "failed to commit pages",
	"failed to create new OS thread", "cannot allocate heap metadata", "failed to allocate"}

// death names why a child ended without an answer. What it wrote to its error stream is only searched, never
// repeated: it can hold input.
func (p *Pool) death(cmd *exec.Cmd, said []byte) string {
	s := cmd.ProcessState
	if s == nil {
		return "died"
	}
	used := s.UserTime() + s.SystemTime()
	switch {
	case slices.ContainsFunc(starved, func(words string) bool { return bytes.Contains(said, []byte(words)) }):
		return "memory limit"
	case killed(s) && used >= time.Duration(p.cfg.CPUSeconds)*time.Second-200*time.Millisecond:
		return "processor limit"
	case killed(s):
		return "killed"
	}
	return fmt.Sprintf("status %d", s.ExitCode())
}

// capped keeps at most limit bytes: past that it fails, or drops the rest.
type capped struct {
	buf   bytes.Buffer
	limit int
	drop  bool
	over  bool
}

func (c *capped) Write(b []byte) (int, error) {
	room := c.limit - c.buf.Len()
	if len(b) > room {
		c.over = true
		c.buf.Write(b[:room])
		if !c.drop {
			return room, errFrame
		}
		return len(b), nil
	}
	return c.buf.Write(b)
}
