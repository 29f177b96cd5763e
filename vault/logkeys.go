package vault

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The log's key changes by handover: a note, signed by the old key and the new
// one, that names both and the size and root of the log up to which the old key
// signs. Every key of the chain therefore leads to every other: whoever wrote
// down the first one can check what the newest signs, and the other way round.

const (
	handoverMark = "handover" // in the second line, where a checkpoint has its size
	maxHandovers = 64         // of one log: an export's header holds them all
)

// logKey is the key of the log as this transaction sees it.
func (b *batch) logKey(ctx context.Context) (signing, error) {
	if b.signer.private != nil {
		return b.signer, nil
	}
	return b.v.signingKey(ctx, b.sqlTx, keyLog)
}

// handOverLog makes key that of the log from epoch on, within the transaction
// that stores it and while the old key still is the newest: that one signs its
// last checkpoint, and both sign the note. From then on nothing that the old
// one signs counts.
func (t *tx) handOverLog(ctx context.Context, epoch uint32, key ed25519.PrivateKey) error {
	b, next := t.b, signing{private: key}
	old, err := b.logKey(ctx)
	if err != nil {
		return err
	}
	size, err := b.checkpoint(ctx, t.now)
	if err != nil {
		return err
	}
	root, err := b.tree.root()
	if err != nil {
		return err
	}
	var before int
	if err := t.QueryRowContext(ctx, `SELECT count(*) FROM log_handovers`).Scan(&before); err != nil {
		return fmt.Errorf("reading handovers: %w", err)
	}
	if before == maxHandovers {
		return say(ErrConflict, fmt.Sprintf("The log's key was changed %d times, which is as often as it can be.", before))
	}
	h := handover{statement: statement{tlog.Tree{N: size, Hash: root}, Time(t.now)}}
	text, err := h.sign(t.v.cfg.LogOrigin, old, next)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO log_handovers (epoch, size, at, note) VALUES ($1, $2, $3, $4)`,
		int64(epoch), size, t.now, text)
	if err != nil {
		return fmt.Errorf("writing the handover: %w", err)
	}
	b.signer = next
	return nil
}

// handover is what a handover says.
type handover struct {
	statement        // of the log up to which the old key signs
	old, new  string // verifier keys
}

// sign writes the note: origin, the word, size, root, time, old key, new key,
// each on a line of its own.
func (h handover) sign(origin string, old, new signing) (string, error) {
	var signers []note.Signer
	for _, k := range []struct {
		key  signing
		name *string
	}{{old, &h.old}, {new, &h.new}} {
		vkey, err := verifierKey(origin, k.key.public())
		if err != nil {
			return "", err
		}
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return "", fmt.Errorf("naming log key: %w", err)
		}
		*k.name = vkey
		signers = append(signers, signer{origin, verifier.KeyHash(), k.key.private})
	}
	text := strings.Join([]string{origin, handoverMark, strconv.FormatInt(h.N, 10), h.Hash.String(), h.at.String(), h.old, h.new}, "\n") + "\n"
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		return "", fmt.Errorf("signing handover: %w", err)
	}
	return string(signed), nil
}

// openHandover reads a handover and checks that both keys that it names signed
// it. Whether either is the log's is the chain's business.
func openHandover(text string) (handover, error) {
	none := errors.New("handover does not have the form of one")
	if len(text) > maxNote {
		return handover{}, none
	}
	lines := strings.SplitN(text, "\n", 8)
	if len(lines) != 8 || lines[1] != handoverMark || !strings.HasPrefix(lines[7], "\n") {
		return handover{}, none
	}
	s, err := parseStatement(lines[2], lines[3], lines[4])
	if err != nil {
		return handover{}, none
	}
	h := handover{s, lines[5], lines[6]}
	old, errOld := note.NewVerifier(h.old)
	new, errNew := note.NewVerifier(h.new)
	if errOld != nil || errNew != nil || old.Name() != lines[0] || new.Name() != lines[0] || h.old == h.new {
		return handover{}, none
	}
	n, err := note.Open([]byte(text), note.VerifierList(old, new))
	if err != nil || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 || !exactSignatures(text) {
		return handover{}, errors.New("handover is not signed by both keys")
	}
	return h, nil
}

// logChain is the keys of one log in their order.
type logChain []logLink

type logLink struct {
	verifier note.Verifier
	vkey     string
	last     int64     // the largest log that this key signs
	root     tlog.Hash // of that log, as its handover states; zero for the key in use
}

// openChain joins the handovers of a log, oldest first. trusted is the one key
// that is known from elsewhere; it may be any of the chain.
func openChain(trusted string, handovers []string) (logChain, error) {
	verifier, err := note.NewVerifier(trusted)
	if err != nil {
		return nil, fmt.Errorf("log verifier key: %w", ErrInvalid)
	}
	if len(handovers) == 0 {
		return logChain{{verifier: verifier, vkey: trusted, last: math.MaxInt64}}, nil
	}
	if len(handovers) > maxHandovers {
		return nil, fmt.Errorf("more than %d handovers: %w", maxHandovers, ErrInvalid)
	}
	var c logChain
	found := false
	for i, text := range handovers {
		h, err := openHandover(text)
		if err != nil {
			return nil, fmt.Errorf("handover %d: %w: %w", i+1, err, ErrIntegrity)
		}
		old, errOld := note.NewVerifier(h.old)
		new, errNew := note.NewVerifier(h.new)
		if i == 0 {
			c, found = logChain{{verifier: old, vkey: h.old}}, h.old == trusted
		}
		end := &c[len(c)-1]
		if errOld != nil || errNew != nil || end.vkey != h.old || i > 0 && h.N < c[len(c)-2].last {
			return nil, fmt.Errorf("handover %d does not follow the one before: %w", i+1, ErrIntegrity)
		}
		end.last, end.root = h.N, h.Hash
		c = append(c, logLink{verifier: new, vkey: h.new, last: math.MaxInt64})
		found = found || h.new == trusted
	}
	if !found || verifier.Name() != c[0].verifier.Name() {
		return nil, fmt.Errorf("the handovers do not lead to the key that is trusted: %w", ErrIntegrity)
	}
	return c, nil
}

// name is the log's origin.
func (c logChain) name() string { return c[0].verifier.Name() }

// newest is the verifier key in use.
func (c logChain) newest() string { return c[len(c)-1].vkey }

// at is the key that signs checkpoints of a log of that size.
func (c logChain) at(size int64) logLink {
	for _, l := range c {
		if size <= l.last {
			return l
		}
	}
	return c[len(c)-1]
}

// open checks a checkpoint against the key that was the log's at its size.
func (c logChain) open(text string) (statement, error) {
	size := int64(0)
	if lines := strings.SplitN(text, "\n", 3); len(lines) == 3 {
		size, _ = strconv.ParseInt(lines[1], 10, 64)
	}
	s, err := openCheckpoint(text, c.at(size).verifier)
	if err == nil {
		return s, nil
	}
	for _, l := range c {
		if _, other := openCheckpoint(text, l.verifier); other == nil {
			return statement{}, fmt.Errorf("checkpoint of %d events is signed by a key that was not the log's then", size)
		}
	}
	return statement{}, err
}

// parseStatement reads the lines that say size, root and time.
func parseStatement(size, root, at string) (statement, error) {
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != size {
		return statement{}, errors.New("checkpoint does not state a size")
	}
	hash, err := tlog.ParseHash(root)
	if err != nil {
		return statement{}, errors.New("checkpoint does not state a root")
	}
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return statement{}, errors.New("checkpoint does not state a time")
	}
	return statement{tlog.Tree{N: n, Hash: hash}, TimeOf(when)}, nil
}

// handovers reads the notes of all changes of the log's key, oldest first.
func handovers(ctx context.Context, q querier) ([]string, error) {
	notes, err := list(ctx, q, func(rows *sql.Rows) (s string, err error) { return s, rows.Scan(&s) },
		`SELECT note FROM log_handovers ORDER BY epoch`)
	if err != nil {
		return nil, fmt.Errorf("reading handovers: %w", err)
	}
	return notes, nil
}

// logPublic is the log's verifier key, and the handovers that lead to it.
func (v *Vault) logPublic(ctx context.Context) (verifier string, notes []string, err error) {
	chain, notes, err := v.logChain(ctx, v.db)
	if err != nil {
		return "", nil, dbError(err)
	}
	return chain.newest(), notes, nil
}

// logChain is the chain of this vault's log, whose newest key is that of the
// private half that we hold, whatever the rows say. A handover that does not
// hold, or that leads elsewhere, is ErrIntegrity.
func (v *Vault) logChain(ctx context.Context, q querier) (logChain, []string, error) {
	vkey, err := v.logVerifier(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	notes, err := handovers(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	chain, err := openChain(vkey, notes)
	if err == nil && chain.newest() != vkey {
		err = fmt.Errorf("a handover leads away from the log's key: %w", ErrIntegrity)
	}
	return chain, notes, err
}
