package vault

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const maxWitnessBody = 64 << 10

// WitnessServerConfig is what a witness of one's own needs.
type WitnessServerConfig struct {
	// Dir keeps a file for each log, of the form that a file witness has.
	Dir string
	// Name is that of the witness in its cosignatures: no spaces, no plus sign.
	Name string
	// Seed is its Ed25519 private key (RFC 8032), 32 bytes.
	Seed WitnessSeed
	// Logs are the verifier keys of the logs that it watches; after a handover, the first or any later key.
	Logs []string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// WitnessSeed is a witness's private key. It prints as [redacted].
type WitnessSeed []byte

// String keeps the key out of logs.
func (WitnessSeed) String() string { return "[redacted]" }

// GoString keeps the key out of logs.
func (WitnessSeed) GoString() string { return "[redacted]" }

// LogValue keeps the key out of logs.
func (WitnessSeed) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// WitnessServer watches logs for others (C2SP tlog-witness): it signs a
// checkpoint only when the log that it saw before is the beginning of this one,
// and keeps each on disk before it answers. Run by somebody else than who runs
// the vault, it is what makes rewriting history visible.
type WitnessServer struct {
	cfg WitnessServerConfig
	key ed25519.PrivateKey
	mu  sync.Mutex // guards all logs: one checkpoint at a time
	all map[string]*watched
}

// watched is a log as the witness saw it last.
type watched struct {
	file  fileWitness
	key   string // the log's verifier key now
	state statement
	note  string
}

// OpenWitnessServer reads what the witness saw before. Errors: ErrInvalid for a
// wrong key or name, and those of the disk.
func OpenWitnessServer(cfg WitnessServerConfig) (*WitnessServer, error) {
	if len(cfg.Seed) != ed25519.SeedSize || !originShape.MatchString(cfg.Name) || len(cfg.Logs) == 0 {
		return nil, fmt.Errorf("a witness needs a name, a key of 32 bytes and the verifier key of a log: %w", ErrInvalid)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the witness's folder: %w", err)
	}
	s := &WitnessServer{cfg: cfg, key: ed25519.NewKeyFromSeed(cfg.Seed), all: map[string]*watched{}}
	for _, vkey := range cfg.Logs {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("verifier key of a log: %w", ErrInvalid)
		}
		sum := sha256.Sum256([]byte(verifier.Name()))
		w := &watched{file: fileWitness{path: filepath.Join(cfg.Dir, hex.EncodeToString(sum[:8])+".log")}, key: vkey}
		if err := w.read(); err != nil {
			return nil, err
		}
		s.all[verifier.Name()] = w
	}
	return s, nil
}

// read follows the file from its first line to its last.
func (w *watched) read() error {
	f, err := os.Open(w.file.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the witness's file: %w", err)
	}
	kept, err := ReadKept(f)
	if err = errors.Join(err, f.Close()); err != nil && !errors.Is(err, ErrInvalid) {
		return err
	}
	for _, text := range kept {
		if h, err := openHandover(text); err == nil {
			if h.old == w.key {
				w.key = h.new
			}
			continue
		}
		lines := strings.Split(text, "\n")
		if len(lines) < 4 {
			continue
		}
		if says, err := parseStatement(lines[1], lines[2], lines[3]); err == nil {
			w.state, w.note = says, text
		}
	}
	return nil
}

// NewWitnessKey makes a witness's private key.
func NewWitnessKey() WitnessSeed {
	seed := make(WitnessSeed, ed25519.SeedSize)
	rand.Read(seed) // never fails (crypto/rand)
	return seed
}

// VerifierKey is what others check the witness's cosignatures with.
func (s *WitnessServer) VerifierKey() string {
	pub := s.key.Public().(ed25519.PublicKey)
	return fmt.Sprintf("%s+%08x+%s", s.cfg.Name, cosignerHash(s.cfg.Name, pub),
		base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, pub...)))
}

// ServeHTTP implements http.Handler: POST /add-checkpoint and /add-handover,
// GET /checkpoint?origin=NAME for the newest note that it holds.
func (s *WitnessServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch r.Method + " " + r.URL.Path {
	case "GET /checkpoint":
		s.mu.Lock()
		defer s.mu.Unlock()
		log := s.all[r.URL.Query().Get("origin")]
		if log == nil || log.note == "" {
			http.Error(w, "no checkpoint of that log", http.StatusNotFound)
			return
		}
		answerText(w, log.note)
	case "POST /add-checkpoint", "POST /add-handover":
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWitnessBody))
		if err != nil {
			http.Error(w, "body is too long or broke off", http.StatusBadRequest)
			return
		}
		s.mu.Lock() // not before: who sends slowly makes nobody wait
		defer s.mu.Unlock()
		if r.URL.Path == "/add-handover" {
			s.addHandover(r.Context(), w, string(body))
			return
		}
		s.addCheckpoint(r.Context(), w, string(body))
	default:
		http.NotFound(w, r)
	}
}

func answerText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, text) // a caller who has gone needs no answer
}

// addCheckpoint answers as tlog-witness says, section "add-checkpoint".
func (s *WitnessServer) addCheckpoint(ctx context.Context, w http.ResponseWriter, body string) {
	old, proof, text, err := parseAddCheckpoint(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	origin, _, _ := strings.Cut(text, "\n")
	log := s.all[origin]
	if log == nil {
		http.Error(w, "this log is not watched here", http.StatusNotFound)
		return
	}
	verifier, err := note.NewVerifier(log.key)
	if err != nil {
		http.Error(w, "the log's key cannot be read", http.StatusInternalServerError)
		return
	}
	says, err := openCheckpoint(text, verifier)
	switch {
	case err != nil:
		http.Error(w, "not signed by the log's key", http.StatusForbidden)
	case says.N < old:
		http.Error(w, "the old size is larger than the new one", http.StatusBadRequest)
	case old != log.state.N || says.N == old && says.Hash != log.state.Hash:
		w.Header().Set("Content-Type", typeTreeSize)
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, strconv.FormatInt(log.state.N, 10)+"\n")
	case !follows(proof, says.Tree, log.state.Tree):
		http.Error(w, "the log that was seen before is not the beginning of this one", http.StatusUnprocessableEntity)
	default:
		if _, _, err := log.file.send(ctx, []witnessItem{{text: text}}); err != nil {
			http.Error(w, "the checkpoint could not be kept", http.StatusInternalServerError)
			return
		}
		log.state, log.note = says, text
		answerText(w, s.cosign(text))
	}
}

// follows checks the consistency proof.
func follows(proof tlog.TreeProof, now, before tlog.Tree) bool {
	if before.N == 0 || before.N == now.N {
		return len(proof) == 0
	}
	return tlog.CheckTree(proof, now.N, now.Hash, before.N, before.Hash) == nil
}

func parseAddCheckpoint(body string) (old int64, proof tlog.TreeProof, text string, err error) {
	head, text, found := strings.Cut(body, "\n\n")
	lines := strings.Split(head, "\n")
	number, is := strings.CutPrefix(lines[0], "old ")
	if old, err = strconv.ParseInt(number, 10, 64); !found || !is || err != nil || old < 0 || len(lines) > 1+maxProofHashes {
		return 0, nil, "", errors.New("not the form of add-checkpoint")
	}
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			return 0, nil, "", errors.New("a hash of the proof cannot be read")
		}
		proof = append(proof, h)
	}
	return old, proof, text, nil
}

// cosign is the witness's signature line.
func (s *WitnessServer) cosign(text string) string {
	at := uint64(s.cfg.Now().Unix())
	raw := binary.BigEndian.AppendUint32(nil, cosignerHash(s.cfg.Name, s.key.Public().(ed25519.PublicKey)))
	raw = binary.BigEndian.AppendUint64(raw, at)
	raw = append(raw, ed25519.Sign(s.key, cosignedText(text, at))...)
	return "— " + s.cfg.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
}

// addHandover follows the log to its next key, at the size that the witness has
// seen: it is signed by the key that the witness trusts.
func (s *WitnessServer) addHandover(ctx context.Context, w http.ResponseWriter, text string) {
	origin, _, _ := strings.Cut(text, "\n")
	log := s.all[origin]
	if log == nil {
		http.Error(w, "this log is not watched here", http.StatusNotFound)
		return
	}
	h, err := openHandover(text)
	switch {
	case err != nil:
		http.Error(w, "not a handover", http.StatusBadRequest)
	case h.new == log.key:
		answerText(w, "known\n")
	case h.old != log.key:
		http.Error(w, "not signed by the log's key", http.StatusForbidden)
	case log.state.N > 0 && (h.N != log.state.N || h.Hash != log.state.Hash):
		http.Error(w, "the handover is not at the checkpoint that was seen last", http.StatusUnprocessableEntity)
	default:
		if _, _, err := log.file.send(ctx, []witnessItem{{text: text}}); err != nil {
			http.Error(w, "the handover could not be kept", http.StatusInternalServerError)
			return
		}
		log.key = h.new
		answerText(w, "followed\n")
	}
}
