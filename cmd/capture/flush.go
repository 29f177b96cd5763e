package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/clinivault/clinivault/api/uplink"
	"github.com/clinivault/clinivault/vault/seal"
)

const triesPerRun = 3

// intakeInfo is the answer of GET /api/v1/intake.
type intakeInfo struct {
	Epoch       uint32 `json:"epoch"`
	KEM         string `json:"kem"`
	Key         []byte `json:"key"`
	ReceiptKeys []struct {
		KeyID     string `json:"key_id"`
		PublicKey []byte `json:"public_key"`
	} `json:"receipt_keys"`
}

func (c *client) intake(ctx context.Context) (intakeInfo, error) {
	var in intakeInfo
	if err := c.call(ctx, http.MethodGet, "/api/v1/intake", nil, nil, &in); err != nil {
		return intakeInfo{}, fmt.Errorf("asking for the sealing key: %w", err)
	}
	return in, in.check()
}

// check says why photos cannot be sealed with an answer, fresh or kept.
func (in intakeInfo) check() error {
	if in.KEM != seal.KEMName {
		return errors.New("the server uses a newer seal than this program: install the current one")
	}
	usable := in.Epoch >= 1 && len(in.Key) == seal.IntakePublicSize && len(in.ReceiptKeys) > 0
	for _, k := range in.ReceiptKeys {
		usable = usable && len(k.PublicKey) == ed25519.PublicKeySize && seal.KeyID(k.PublicKey) == k.KeyID
	}
	if !usable {
		return errors.New("the server gave no usable sealing key: tell your IT team")
	}
	return nil
}

// session is a run with its server and its queue.
type session struct {
	surroundings
	account   account
	client    *client
	queue     *queue
	transport string
	up        *uplink.Client // once it was dialled
	direct    bool           // over HTTPS for the rest of the run
	originals originals      // with wiping
	known     []original     // sealed, and not wiped yet
	atEnd     []string       // said when everything is done
}

func open(state string, s surroundings) (*session, error) {
	dir, err := stateDir(state, s)
	if err != nil {
		return nil, err
	}
	a, err := loadAccount(dir)
	if err != nil {
		return nil, err
	}
	c, err := clientIn(dir, a, s)
	if err != nil {
		return nil, err
	}
	q, err := openQueue(dir, s.now)
	if err != nil {
		return nil, err
	}
	return &session{surroundings: s, account: a, client: c, queue: q, transport: transportAuto}, nil
}

// list is the command "queue". It needs no session.
func list(_ context.Context, args []string, s surroundings) error {
	set, state := flags("queue")
	if err := parse(set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usageError{"queue takes no arguments"}
	}
	dir, err := stateDir(*state, s)
	if err != nil {
		return err
	}
	q, err := openQueue(dir, s.now)
	if err != nil {
		return err
	}
	items, err := q.items()
	if err != nil {
		return err
	}
	if len(items) == 0 {
		fmt.Fprintln(s.stdout, "nothing is waiting")
	}
	for _, it := range items {
		fmt.Fprintf(s.stdout, "%s  %s  %9d bytes  %-7s  %d tries  %s\n",
			it.CaptureID, it.CreatedAt.Format(time.RFC3339), it.Size, it.State, it.Attempts, it.LastError)
	}
	return nil
}

// flush is the command of that name: everything of this person that waits.
func flush(ctx context.Context, args []string, s surroundings) error {
	set, state := flags("flush")
	failed := set.Bool("failed", false, "")
	way := set.String("transport", transportAuto, "")
	if err := parse(set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usageError{"flush takes no arguments"}
	}
	if err := checkTransport(*way); err != nil {
		return err
	}
	r, err := open(*state, s)
	if err != nil {
		return err
	}
	r.transport = *way
	return r.sendAll(ctx, func(it item) bool { return *failed || it.State != stateFailed })
}

// sendAll is sendQueue, and says so where there was nothing to do.
func (r *session) sendAll(ctx context.Context, chosen func(item) bool) error {
	sent, err := r.sendQueue(ctx, chosen)
	if err == nil && sent == 0 {
		fmt.Fprintln(r.stdout, "nothing is waiting to be sent")
	}
	return err
}

// sendQueue sends the chosen items of this person, one by one under the queue's lock. One that is refused does not hold up the
// others; a server that does not answer ends the run.
func (r *session) sendQueue(ctx context.Context, chosen func(item) bool) (sent int, err error) {
	unlock, err := r.queue.lock(ctx, r.sleep)
	if err != nil {
		return 0, codeError{exitWaiting, err}
	}
	defer unlock()
	defer r.closeUplink()
	if err := r.queue.sweep(); err != nil {
		return 0, err
	}
	items, err := r.queue.items()
	if err != nil {
		return 0, err
	}
	var refused error
	for _, it := range items {
		if it.Owner != r.account.Person || !chosen(it) {
			continue
		}
		err := r.sendOne(ctx, it)
		switch {
		case err == nil:
			sent++
		case fateOf(err) == fateRefused:
			refused = errors.Join(refused, fmt.Errorf("capture %s was refused and stays in the queue: %w", it.CaptureID, err))
		case fateOf(err) == fateSignIn:
			return sent, codeError{exitWaiting, errors.New("the photo stays sealed in the queue: " + signInAgain(err) + ", then capture flush")}
		default:
			return sent, codeError{exitWaiting, fmt.Errorf("%w; the photo stays sealed in the queue: run capture flush later", err)}
		}
	}
	if refused != nil {
		return sent, codeError{exitRefused, refused}
	}
	return sent, nil
}

// noRoom reports whether a file could not be written because the disk is full.
func noRoom(err error) bool {
	return slices.ContainsFunc(fullDisk, func(full error) bool { return errors.Is(err, full) })
}

// sendOne tries an item a few times and notes how it went.
func (r *session) sendOne(ctx context.Context, it item) error {
	for try := 1; ; try++ {
		it.State, it.Attempts = stateSending, it.Attempts+1
		if err := r.queue.note(it); err != nil && !noRoom(err) { // sending is what makes room
			return err
		}
		receipt, err := r.deliver(ctx, it)
		if err == nil {
			if err := r.queue.drop(it, receipt); err != nil {
				return err
			}
			fmt.Fprintf(r.stdout, "received as photo %s\n", receipt.PhotoID)
			return nil
		}
		it.State, it.LastError = stateSealed, err.Error()
		if fateOf(err) == fateRefused {
			it.State = stateFailed
		}
		if noteErr := r.queue.note(it); noteErr != nil && !noRoom(noteErr) {
			return errors.Join(err, noteErr)
		}
		wait := time.Second << (try - 1)
		var told *refusal
		if errors.As(err, &told) {
			wait = max(wait, told.after)
		}
		if fateOf(err) != fateRetry || errors.Is(err, errKept) || try == triesPerRun || wait > longestWait {
			return err
		}
		if r.sleep(ctx, wait) != nil {
			return err
		}
	}
}

// errKept marks faults that another try in the same run would not cure.
var errKept = errors.New("the sealed photo is kept")

// deliver uploads an item and returns its receipt, verified.
func (r *session) deliver(ctx context.Context, it item) (seal.Receipt, error) {
	f, err := r.queue.open(it)
	if err != nil {
		return seal.Receipt{}, fmt.Errorf("%w (%w)", err, errKept)
	}
	defer f.Close()
	body, err := r.carry(ctx, it, f)
	if err != nil {
		return seal.Receipt{}, err
	}
	var receipt seal.Receipt
	if err := json.Unmarshal(body, &receipt); err != nil {
		return seal.Receipt{}, fmt.Errorf("the server's answer is no receipt: %w", errKept)
	}
	in, err := r.client.intake(ctx)
	if err != nil {
		return seal.Receipt{}, err
	}
	for _, k := range in.ReceiptKeys {
		if k.KeyID == receipt.KeyID && seal.VerifyReceipt(k.PublicKey, receipt) == nil &&
			receipt.CaptureID == it.CaptureID && receipt.Digest == it.SHA256 && receipt.Size == it.Size {
			return receipt, nil
		}
	}
	return seal.Receipt{}, fmt.Errorf("the receipt could not be verified, tell your IT team if this stays: %w", errKept)
}
