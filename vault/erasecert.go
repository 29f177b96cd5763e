package vault

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/clinivault/clinivault/vault/seal"
)

const (
	erasureFormat         = "clinivault-erasure-v1"
	erasureDomain         = "clinivault/erasure/v1\x00"
	maxErasureCertificate = 16 << 20 // bytes; one item has about 300
)

// What every certificate of an erasure says of its limits.
const (
	noteBackups = "Backups of the database that were made before may hold the wrapped key until the date in backups_until; whoever has one and the root key could open what they also kept a sealed copy of."
	noteCapture = "A capture that had not been processed is sealed to the intake key, not to the patient's: it is erased when its object is reached."
	noteCopies  = "What people took out of the vault, such as downloads, prints and screenshots, is not known to it."
)

// ErasureCertificate says what was erased, on whose word, what of it was reached, when and how, and what was not and why.
// It names the patient by the log's pseudonym alone. A later version replaces those before it.
type ErasureCertificate struct {
	Format       string         `json:"format"`
	Erasure      ErasureID      `json:"erasure"`
	Version      int64          `json:"version"`
	Subject      string         `json:"subject"` // patient, photo
	Pseudonym    string         `json:"pseudonym"`
	Photo        PhotoID        `json:"photo,omitempty"`
	Photos       int            `json:"photos"`
	Cause        string         `json:"cause"` // request, retention
	Rule         RuleID         `json:"rule,omitempty"`
	AskedBy      PersonID       `json:"asked_by,omitempty"`
	AskedAt      Time           `json:"asked_at"`
	SignedBy     PersonID       `json:"signed_by,omitempty"`
	DestroyedAt  Time           `json:"destroyed_at"`  // of the keys
	DestroyedIn  int64          `json:"destroyed_in"`  // place of that event in the log
	BackupsUntil Time           `json:"backups_until"` // when the last backup that may hold the wrapped key is gone
	Objects      []ErasedObject `json:"objects"`
	Copies       []ErasedCopy   `json:"copies"`
	Complete     bool           `json:"complete"` // everything was reached
	Notes        []string       `json:"notes"`
	IssuedAt     Time           `json:"issued_at"`
	LogOrigin    string         `json:"log_origin"`
	LogPosition  int64          `json:"log_position"` // of the event that holds the digest of this certificate
}

// ErasedObject is a rendition or a capture in the store.
type ErasedObject struct {
	Photo          PhotoID `json:"photo"`
	What           string  `json:"what"` // kind of rendition, or "capture"
	Rendition      string  `json:"rendition,omitempty"`
	KeyDestroyedAt Time    `json:"key_destroyed_at"` // null: sealed to a key that is not the patient's
	Reached        bool    `json:"reached"`
	At             Time    `json:"at"`
	How            string  `json:"how,omitempty"`
	Why            string  `json:"why,omitempty"` // not
	LockedUntil    Time    `json:"locked_until"`
}

// ErasedCopy is a copy in a chart.
type ErasedCopy struct {
	Attachment AttachmentID `json:"attachment"`
	Photo      PhotoID      `json:"photo"`
	Chart      string       `json:"chart"` // fhir, dicom
	Reached    bool         `json:"reached"`
	At         Time         `json:"at"`
	How        string       `json:"how,omitempty"` // entered-in-error, deleted, rejection-note, never-sent
	Why        string       `json:"why,omitempty"` // not
}

// erasureCertificate puts together what is known of an erasure now.
func (t *tx) erasureCertificate(ctx context.Context, e erasureRow) (ErasureCertificate, error) {
	found, err := t.erasures(ctx, `WHERE e.id = $1`, e.id)
	if err != nil || len(found) != 1 {
		return ErasureCertificate{}, fmt.Errorf("reading erasure: %w", absent(err))
	}
	known := found[0]
	c := ErasureCertificate{Format: erasureFormat, Erasure: e.id, Version: int64(known.Certificates) + 1, Subject: "photo",
		Pseudonym: known.Pseudonym, Photo: known.Photo, Cause: known.Cause, Rule: known.Rule, AskedBy: known.AskedBy,
		AskedAt: known.AskedAt, SignedBy: known.SignedBy, DestroyedAt: known.SignedAt, BackupsUntil: known.BackupsUntil,
		Objects: []ErasedObject{}, Copies: []ErasedCopy{}, Complete: true, Notes: []string{noteBackups, noteCopies}, IssuedAt: Time(t.now),
		LogOrigin: t.v.cfg.LogOrigin}
	if known.Photo == "" {
		c.Subject = "patient"
	}
	if err := t.QueryRowContext(ctx, `SELECT destroyed_in FROM erasures WHERE id = $1`, e.id).Scan(&c.DestroyedIn); err != nil {
		return c, fmt.Errorf("reading erasure: %w", err)
	}
	items, err := t.erasureItems(ctx, e.id)
	if err != nil {
		return c, err
	}
	photos := map[PhotoID]bool{}
	for _, i := range items {
		photos[i.Photo] = true
		c.add(i)
	}
	c.Photos = len(photos)
	return c, nil
}

func (c *ErasureCertificate) add(i ErasureItem) {
	reached := i.State == "reached"
	c.Complete = c.Complete && reached
	if i.Kind == "copy" {
		c.Copies = append(c.Copies, ErasedCopy{Attachment: AttachmentID(i.Item), Photo: i.Photo, Chart: i.What, Reached: reached,
			At: i.ReachedAt, How: i.How, Why: i.Why})
		return
	}
	o := ErasedObject{Photo: i.Photo, What: i.What, KeyDestroyedAt: i.KeyDestroyedAt, Reached: reached, At: i.ReachedAt, How: i.How,
		Why: i.Why, LockedUntil: i.LockedUntil}
	if i.Kind == "rendition" {
		o.Rendition = i.Item
	} else if !slices.Contains(c.Notes, noteCapture) {
		c.Notes = append(c.Notes, noteCapture)
	}
	c.Objects = append(c.Objects, o)
}

// certifyErasure signs what is known, keeps it, and writes its digest into the act's event.
func (t *tx) certifyErasure(ctx context.Context, e erasureRow) error {
	c, err := t.erasureCertificate(ctx, e)
	if err != nil {
		return err
	}
	if c.LogPosition, err = t.nextSeq(ctx); err != nil {
		return err
	}
	key, err := t.v.signingKey(ctx, t, keyCertificate)
	if err != nil {
		return err
	}
	text, digest, err := signErasure(key.private, c)
	if err != nil {
		return err
	}
	err = t.changes(ctx, "keeping certificate",
		change{`INSERT INTO erasure_certificates (erasure, version, certificate, position, issued_at) VALUES ($1, $2, $3, $4, $5)`,
			[]any{e.id, c.Version, string(text), c.LogPosition, t.now}},
		change{`UPDATE erasures SET state = 'done', ended_at = coalesce(ended_at, $2) WHERE id = $1`, []any{e.id, t.now}})
	if err != nil {
		return err
	}
	t.detail("certificate", digest)
	t.detail("complete", yesNo(c.Complete))
	return nil
}

// signErasure gives the canonical text of a signed certificate, and the digest of its member "certificate".
func signErasure(key ed25519.PrivateKey, c ErasureCertificate) (text []byte, digest string, err error) {
	body, err := canonical(c)
	if err != nil {
		return nil, "", err
	}
	pub := key.Public().(ed25519.PublicKey)
	text, err = canonical(signedCertificate{Certificate: body, Key: pub, KeyID: seal.KeyID(pub),
		Signature: ed25519.Sign(key, append([]byte(erasureDomain), body...))})
	return text, digestOf(body), err
}

// ErasureCertificate reads the newest signed certificate of an erasure, as JSON with the proof that the log holds it;
// VerifyErasure checks it, and has done so here. Errors: ErrNotFound, also before it is issued, ErrDenied, ErrIntegrity.
func (v *Vault) ErasureCertificate(ctx context.Context, a Actor, id ErasureID) ([]byte, error) {
	e, err := v.erasureObject(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []byte
	err = v.do(ctx, a, actErasureCertificate, e.on(), func(t *tx) error {
		var s signedCertificate
		var text string
		var position int64
		err := t.QueryRowContext(ctx, `SELECT certificate, position FROM erasure_certificates WHERE erasure = $1
			ORDER BY version DESC LIMIT 1`, id).Scan(&text, &position)
		if err != nil {
			return fmt.Errorf("reading certificate: %w", absent(err))
		}
		if strictJSON([]byte(text), &s) != nil {
			return fmt.Errorf("certificate: %w", ErrIntegrity)
		}
		if s.Proof, err = t.prove(ctx, position); err != nil {
			return err
		}
		if out, err = canonical(s); err != nil {
			return err
		}
		return t.ownErasure(ctx, out, s.KeyID, id)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ownErasure checks that this vault signed the certificate, of this erasure, and that the log holds it.
func (t *tx) ownErasure(ctx context.Context, text []byte, keyID string, id ErasureID) error {
	log, handovers, err := t.v.logChain(ctx, t)
	if err != nil {
		return err
	}
	keys, err := t.v.publicHalves(ctx, t, keyCertificate)
	if err != nil {
		return err
	}
	own := slices.IndexFunc(keys, func(k PublicKey) bool { return k.KeyID == keyID })
	if own < 0 {
		return fmt.Errorf("stored certificate: %w", ErrIntegrity)
	}
	c, err := VerifyErasure(text, Trust{Key: keys[own].Key, LogVerifier: log.newest(), LogHandovers: handovers})
	if err != nil || c.Erasure != id {
		return fmt.Errorf("stored certificate: %w", ErrIntegrity)
	}
	return nil
}

// VerifiedErasure is a certificate of an erasure that was checked.
type VerifiedErasure struct {
	ErasureCertificate
	KeyID     string
	LogSize   int64 // of the checkpoint that covers the certificate
	SignedAt  Time  // when that checkpoint was signed
	OwnKey    bool  // the certificate's key is its own word
	OwnLogKey bool  // the log's key is its own word
}

// VerifyErasure checks a certificate as Vault.ErasureCertificate hands it out, however it is spaced, and reads it: the
// signature, and that the log holds it. It needs neither vault nor network. Errors: ErrInvalid when it is not a
// certificate, ErrIntegrity when signature or proof do not hold.
func VerifyErasure(text []byte, trust Trust) (VerifiedErasure, error) {
	var s signedCertificate
	if len(text) > maxErasureCertificate {
		return VerifiedErasure{}, fmt.Errorf("not a certificate: %w", ErrInvalid)
	}
	plain, err := decodePlain(text)
	if err == nil {
		text, err = canonical(plain)
	}
	if err != nil || strictJSON(text, &s) != nil || len(s.Key) != ed25519.PublicKeySize || s.KeyID != seal.KeyID(s.Key) || s.Proof == nil {
		return VerifiedErasure{}, fmt.Errorf("not a certificate: %w", ErrInvalid)
	}
	own, err := trust.knows(s.Key)
	if err != nil {
		return VerifiedErasure{}, err
	}
	v := VerifiedErasure{KeyID: s.KeyID, OwnKey: own, OwnLogKey: trust.LogVerifier == ""}
	if v.OwnLogKey {
		trust.LogVerifier = s.Proof.Verifier
	}
	if !ed25519.Verify(s.Key, append([]byte(erasureDomain), s.Certificate...), s.Signature) {
		return VerifiedErasure{}, fmt.Errorf("the signature does not hold: %w", ErrIntegrity)
	}
	if err := strictJSON(s.Certificate, &v.ErasureCertificate); err != nil || v.Format != erasureFormat {
		return VerifiedErasure{}, fmt.Errorf("not a certificate of a known format: %w", ErrInvalid)
	}
	says, err := s.Proof.checkEvent(v.LogOrigin, v.LogPosition, trust.LogVerifier, func(e logEntry) bool {
		return e.Act == string(actFinishErasure) && e.Outcome == outcomeOK && e.Object == string(v.Erasure) &&
			e.Detail["certificate"] == digestOf(s.Certificate)
	}, trust.LogHandovers...)
	if err != nil {
		return VerifiedErasure{}, err
	}
	v.LogSize, v.SignedAt = says.N, says.at
	return v, nil
}
