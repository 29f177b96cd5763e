package vault

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A checkpoint is a signed statement of the log's size and root: a note
// (golang.org/x/mod/sumdb/note) whose text is that of C2SP tlog-checkpoint:
// origin, size in decimal, root in base64, each on a line of its own, and one
// extension line that says when it was signed.

const maxNote = 4 << 10

// signer signs notes with the log key. note.NewSigner would want the private
// key as text.
type signer struct {
	name string
	hash uint32
	key  ed25519.PrivateKey
}

func (s signer) Name() string                    { return s.name }
func (s signer) KeyHash() uint32                 { return s.hash }
func (s signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// verifierKey is the log's public key as text, under the origin's name.
func verifierKey(origin string, pub ed25519.PublicKey) (string, error) {
	key, err := note.NewEd25519VerifierKey(origin, pub)
	if err != nil {
		return "", fmt.Errorf("naming log key: %w", err)
	}
	return key, nil
}

// statement is what a checkpoint says.
type statement struct {
	tlog.Tree
	at Time
}

// signCheckpoint signs a statement about the log.
func (k signing) signCheckpoint(origin string, s statement) (string, error) {
	vkey, err := verifierKey(origin, k.public())
	if err != nil {
		return "", err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", fmt.Errorf("naming log key: %w", err)
	}
	text := origin + "\n" + strconv.FormatInt(s.N, 10) + "\n" + s.Hash.String() + "\n" + s.at.String() + "\n"
	signed, err := note.Sign(&note.Note{Text: text}, signer{origin, verifier.KeyHash(), k.private})
	if err != nil {
		return "", fmt.Errorf("signing checkpoint: %w", err)
	}
	return string(signed), nil
}

// openCheckpoint checks a note against the verifier and returns what it states.
func openCheckpoint(text string, verifier note.Verifier) (statement, error) {
	if len(text) > maxNote {
		return statement{}, errors.New("checkpoint is longer than 4 KiB")
	}
	n, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil || !exactSignatures(text) {
		return statement{}, errors.New("checkpoint is not signed by the log's key")
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 5 || lines[0] != verifier.Name() || lines[4] != "" {
		return statement{}, errors.New("checkpoint does not have the form of one")
	}
	return parseStatement(lines[1], lines[2], lines[3])
}

// exactSignatures refuses signatures in a second spelling: base64 leaves bits
// over that note.Open does not look at.
func exactSignatures(text string) bool {
	_, signatures, _ := strings.Cut(text, "\n\n")
	for _, line := range strings.Split(strings.TrimSuffix(signatures, "\n"), "\n") {
		_, err := base64.StdEncoding.Strict().DecodeString(line[strings.LastIndexByte(line, ' ')+1:])
		if err != nil {
			return false
		}
	}
	return true
}

// A checkpoint is signed with the events that make it due: the thousandth since
// the last one, or the first that comes a minute after the oldest that none
// covers. Checkpoint does it for events after which nothing happens.
const (
	checkpointEvents = 1000
	checkpointAge    = int64(time.Minute / time.Millisecond)
)

// due tells whether events wait for a checkpoint for too long.
func (b *batch) due(now int64) bool {
	return b.tree.size-b.covered >= checkpointEvents || b.openSince > 0 && now-b.openSince >= checkpointAge
}

// Checkpoint signs the log as it stands and keeps the note. Without a new event
// since the last one it does nothing. What a checkpoint covers can no longer be
// changed unnoticed by whoever holds a copy of it.
func (v *Vault) Checkpoint(ctx context.Context, a Actor) error {
	return v.locked(ctx, a, actAuditCheckpoint, object{Kind: "log"}, func(t *tx) error {
		_, err := t.checkpoint(ctx)
		return err
	})
}

// checkpoint signs the present head inside a transaction and returns its size.
func (t *tx) checkpoint(ctx context.Context) (int64, error) { return t.b.checkpoint(ctx, t.now) }

func (b *batch) checkpoint(ctx context.Context, now int64) (int64, error) {
	if err := b.head(ctx); err != nil {
		return 0, err
	}
	var last int64
	if err := b.sqlTx.QueryRowContext(ctx, `SELECT COALESCE(MAX(size), 0) FROM checkpoints`).Scan(&last); err != nil {
		return 0, fmt.Errorf("reading checkpoints: %w", err)
	}
	size := b.tree.size
	if size < last {
		return 0, fmt.Errorf("the log is shorter than its last checkpoint: %w", ErrIntegrity)
	}
	if size > last {
		key, err := b.logKey(ctx)
		if err != nil {
			return 0, err
		}
		root, err := b.tree.root()
		if err != nil {
			return 0, fmt.Errorf("hashing log: %w", err)
		}
		text, err := key.signCheckpoint(b.v.cfg.LogOrigin, statement{tlog.Tree{N: size, Hash: root}, Time(now)})
		if err != nil {
			return 0, err
		}
		_, err = b.sqlTx.ExecContext(ctx, `INSERT INTO checkpoints (size, at, note) VALUES ($1, $2, $3)`, size, now, text)
		if err != nil {
			return 0, fmt.Errorf("writing checkpoint: %w", err)
		}
	}
	b.covered, b.openSince = size, 0
	return size, b.writeCovered(ctx)
}

// writeCovered keeps what is covered, also when no event follows.
func (b *batch) writeCovered(ctx context.Context) error {
	_, err := b.sqlTx.ExecContext(ctx, `UPDATE audit_head SET covered = $1, open_since = 0 WHERE id = 1`, b.covered)
	if err != nil {
		return fmt.Errorf("writing checkpoint: %w", err)
	}
	return nil
}
