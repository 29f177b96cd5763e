package vault

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// An https witness speaks C2SP tlog-witness: it is sent a checkpoint with the
// proof that the log it saw last is the beginning of this one, checks both, and
// signs the checkpoint in return (C2SP tlog-cosignature).

const (
	maxWitnessAnswer = 16 << 10
	algCosignature   = 4 // of a note's key: timestamped cosignature (C2SP signed-note)
	typeTreeSize     = "text/x.tlog.size"
)

type httpsWitness struct {
	cfg    WitnessConfig
	origin string
	prove  func(ctx context.Context, old, new int64) ([]tlog.Hash, error)
	client *http.Client
	size   int64 // of the log that the witness saw last, as far as we know
}

func (w *httpsWitness) send(ctx context.Context, items []witnessItem) (had int, cosigned []cosignature, err error) {
	if err := w.connect(); err != nil {
		return 0, nil, err
	}
	defer w.client.CloseIdleConnections()
	for n, i := range items {
		if i.kind == "handover" {
			err = w.handOver(ctx, i)
		} else {
			var c cosignature
			if c, err = w.checkpoint(ctx, i); err == nil && c.line != "" {
				cosigned = append(cosigned, c)
			}
		}
		if err != nil {
			return n, cosigned, err
		}
	}
	return len(items), cosigned, nil
}

// connect checks the address and prepares the client.
func (w *httpsWitness) connect() error {
	u, err := url.Parse(w.cfg.URL)
	if err != nil || u.Host == "" {
		return errors.New("the witness's address cannot be read")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && (u.Scheme != "http" || ip == nil || !ip.IsLoopback()) {
		return errors.New("the witness's address must begin with https://")
	}
	config, err := w.cfg.tls()
	if err != nil {
		return err
	}
	w.client = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableCompression: true},
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("the witness sends us elsewhere") },
	}
	return nil
}

// checkpoint tells the witness of one checkpoint. What size the witness has is
// learned from its first answer.
func (w *httpsWitness) checkpoint(ctx context.Context, i witnessItem) (cosignature, error) {
	for range 3 {
		if i.size < w.size {
			if _, err := w.prove(ctx, i.size, w.size); errors.Is(err, ErrIntegrity) {
				return cosignature{}, fmt.Errorf("the witness has seen %d events: %w", w.size, errDiverged)
			} else if err != nil {
				return cosignature{}, err
			}
			return cosignature{}, nil // it has a later one, which covers this one
		}
		proof, err := w.prove(ctx, w.size, i.size)
		if err != nil {
			return cosignature{}, err
		}
		var body strings.Builder
		fmt.Fprintf(&body, "old %d\n", w.size)
		for _, h := range proof {
			body.WriteString(h.String() + "\n")
		}
		status, kind, answer, err := w.post(ctx, "/add-checkpoint", body.String()+"\n"+i.text)
		if err != nil {
			return cosignature{}, err
		}
		switch {
		case status == http.StatusOK:
			w.size = i.size
			return w.cosigned(i, answer)
		case status == http.StatusConflict && kind == typeTreeSize:
			size, err := strconv.ParseInt(strings.TrimSpace(answer), 10, 64)
			if err != nil || size < 0 || size == w.size {
				return cosignature{}, fmt.Errorf("the witness answers that it has %d events and refuses: %w", w.size, errDiverged)
			}
			w.size = size
		default:
			return cosignature{}, w.refusal(status)
		}
	}
	return cosignature{}, errors.New("the witness changes its mind about what it has")
}

func (w *httpsWitness) refusal(status int) error {
	switch status {
	case http.StatusNotFound:
		return errors.New("the witness does not know this log (404)")
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("the witness does not trust the log's key, or us (%d)", status)
	case http.StatusUnprocessableEntity, http.StatusConflict:
		return fmt.Errorf("answer %d: %w", status, errDiverged)
	}
	return fmt.Errorf("the witness answers %d", status)
}

// handOver tells the witness of the log's next key: an addition of ours to the
// protocol. A witness that does not know it (404, 405) is left to its operator.
func (w *httpsWitness) handOver(ctx context.Context, i witnessItem) error {
	status, _, _, err := w.post(ctx, "/add-handover", i.text)
	if err != nil {
		return err
	}
	switch status {
	case http.StatusOK, http.StatusNotFound, http.StatusMethodNotAllowed:
		return nil
	}
	return w.refusal(status)
}

func (w *httpsWitness) post(ctx context.Context, path, body string) (status int, kind, answer string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(w.cfg.URL, "/")+path, strings.NewReader(body))
	if err != nil {
		return 0, "", "", errors.New("the witness's address cannot be read")
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if w.cfg.TokenFile != "" {
		token, err := os.ReadFile(w.cfg.TokenFile)
		if err != nil {
			return 0, "", "", fmt.Errorf("reading the witness's token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+string(bytes.TrimSpace(token)))
	}
	res, err := w.client.Do(req)
	if err != nil {
		return 0, "", "", fmt.Errorf("asking the witness: %w", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxWitnessAnswer))
	if err != nil {
		return 0, "", "", fmt.Errorf("reading the witness's answer: %w", err)
	}
	return res.StatusCode, res.Header.Get("Content-Type"), string(text), nil
}

// cosigned takes the witness's signature from its answer. Where its key is
// configured, one that does not hold is no answer.
func (w *httpsWitness) cosigned(i witnessItem, answer string) (cosignature, error) {
	for text := range strings.SplitSeq(strings.TrimSuffix(answer, "\n"), "\n") {
		if w.cfg.VerifierKey == "" && strings.HasPrefix(text, "— ") && len(text) < 1024 {
			return cosignature{i.size, text}, nil
		}
		if w.cfg.VerifierKey != "" && VerifyCosignature(i.text, text, w.cfg.VerifierKey) == nil {
			return cosignature{i.size, text}, nil
		}
	}
	if w.cfg.VerifierKey != "" {
		return cosignature{}, errors.New("the witness's answer is not signed by its key")
	}
	return cosignature{}, nil
}

// cosigner is a witness's key for timestamped cosignatures.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

// parseCosigner reads a verifier key: name+hash+base64(4 ‖ public key).
func parseCosigner(vkey string) (cosigner, error) {
	bad := fmt.Errorf("witness verifier key: %w", ErrInvalid)
	name, rest, _ := strings.Cut(vkey, "+")
	hash, key, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(key)
	want, hexErr := strconv.ParseUint(hash, 16, 32)
	if err != nil || hexErr != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algCosignature || name == "" {
		return cosigner{}, bad
	}
	c := cosigner{name, cosignerHash(name, raw[1:]), raw[1:]}
	if uint64(c.hash) != want {
		return cosigner{}, bad
	}
	return c, nil
}

func cosignerHash(name string, pub ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append(append([]byte(name+"\n"), algCosignature), pub...))
	return binary.BigEndian.Uint32(sum[:])
}

// cosignedText is what a witness signs at a time (unix seconds).
func cosignedText(note string, at uint64) []byte {
	body, _, _ := strings.Cut(note, "\n\n")
	return []byte("cosignature/v1\ntime " + strconv.FormatUint(at, 10) + "\n" + body + "\n")
}

// VerifyCosignature checks a witness's signature line under a checkpoint (C2SP
// tlog-cosignature, version 1). Errors: ErrInvalid, ErrIntegrity.
func VerifyCosignature(checkpoint, line, verifierKey string) error {
	c, err := parseCosigner(verifierKey)
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "— "+c.name+" ")
	raw, err := base64.StdEncoding.Strict().DecodeString(rest)
	if !ok || err != nil || len(raw) != 4+8+ed25519.SignatureSize || binary.BigEndian.Uint32(raw) != c.hash {
		return fmt.Errorf("cosignature: %w", ErrInvalid)
	}
	if !ed25519.Verify(c.key, cosignedText(checkpoint, binary.BigEndian.Uint64(raw[4:])), raw[12:]) {
		return fmt.Errorf("cosignature: %w", ErrIntegrity)
	}
	return nil
}
