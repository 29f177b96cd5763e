package vault

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// The ceremonies of Web Authentication (Level 3, section 7) and nothing else: what is asked of an authenticator, and
// whether its answer is right. User verification is always required, so a passkey counts as two factors: the device,
// and the finger, face or PIN that opens it. Attestation is not asked for: which model somebody uses is their business.

const maxPasskeyAnswer = 64 << 10 // bytes of JSON

// origins are the pages that passkeys may be used on, beside those of the configuration.
type origins struct {
	mu   sync.Mutex // guards more
	more []string
}

// ServesAt adds a page on which passkeys may be used: "https://photos.example.org:8443". The server says it when it
// knows its port.
func (v *Vault) ServesAt(origin string) {
	v.origins.mu.Lock()
	defer v.origins.mu.Unlock()
	if !slices.Contains(v.origins.more, origin) {
		v.origins.more = append(v.origins.more, origin)
	}
}

// relyingParty is what the ceremonies are done for. Errors: ErrConflict where passkeys are not set up.
func (v *Vault) relyingParty() (*webauthn.WebAuthn, error) {
	v.origins.mu.Lock()
	all := slices.Concat(v.cfg.WebAuthn.Origins, v.origins.more)
	v.origins.mu.Unlock()
	if v.cfg.WebAuthn.RPID == "" || len(all) == 0 {
		return nil, say(ErrConflict, "Passkeys are not set up on this server.")
	}
	resident := true
	rp, err := webauthn.New(&webauthn.Config{
		RPID: v.cfg.WebAuthn.RPID, RPDisplayName: v.cfg.WebAuthn.Name, RPOrigins: all,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &resident, ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Timeout: passkeyWithin, TimeoutUVD: passkeyWithin},
			Registration: webauthn.TimeoutConfig{Timeout: passkeyWithin, TimeoutUVD: passkeyWithin},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("setting up passkeys: %w", err)
	}
	return rp, nil
}

// passkeyUser is a person as authenticators know them.
type passkeyUser struct {
	person      PersonID
	handle      []byte
	login, name string
	keys        []passkeyRow
}

func (u *passkeyUser) WebAuthnID() []byte          { return u.handle }
func (u *passkeyUser) WebAuthnName() string        { return u.login }
func (u *passkeyUser) WebAuthnDisplayName() string { return u.name }
func (u *passkeyUser) WebAuthnCredentials() []webauthn.Credential {
	out := make([]webauthn.Credential, len(u.keys))
	for i, k := range u.keys {
		out[i] = k.credential()
	}
	return out
}

// passkeyRow is a stored passkey.
type passkeyRow struct {
	id, credentialID, publicKey, aaguid, transports string
	signCount                                       int64
	eligible, backedUp, suspended                   bool
}

func (k passkeyRow) credential() webauthn.Credential {
	c := webauthn.Credential{ID: unbase64(k.credentialID), PublicKey: unbase64(k.publicKey),
		Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: k.eligible, BackupState: k.backedUp},
		Authenticator: webauthn.Authenticator{AAGUID: unbase64(k.aaguid), SignCount: uint32(k.signCount)}}
	for _, t := range strings.Fields(k.transports) {
		c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
	}
	return c
}

// rowOf is a credential as it is kept.
func rowOf(c *webauthn.Credential) passkeyRow {
	k := passkeyRow{credentialID: inBase64(c.ID), publicKey: inBase64(c.PublicKey), aaguid: inBase64(c.Authenticator.AAGUID),
		signCount: int64(c.Authenticator.SignCount), eligible: c.Flags.BackupEligible, backedUp: c.Flags.BackupState}
	var transports []string
	for _, t := range c.Transport {
		if known := string(t); len(known) <= 20 && strings.Trim(known, "abcdefghijklmnopqrstuvwxyz-") == "" && len(transports) < 8 {
			transports = append(transports, known)
		}
	}
	k.transports = strings.Join(transports, " ")
	return k
}

func inBase64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// unbase64 reads what inBase64 wrote; anything else gives bytes that fit nothing.
func unbase64(s string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// readPasskeyUser reads a person and their passkeys; ErrNotFound when there is no such person or they have no handle.
func readPasskeyUser(ctx context.Context, q querier, where string, arg any) (*passkeyUser, error) {
	var u passkeyUser
	var handle string
	err := q.QueryRowContext(ctx, `SELECT p.id, p.login, p.name, h.handle FROM people p JOIN passkey_handles h ON h.person = p.id
		WHERE `+where, arg).Scan(&u.person, &u.login, &u.name, &handle)
	if err != nil {
		return nil, dbError(fmt.Errorf("reading who a passkey is of: %w", absent(err)))
	}
	u.handle = unbase64(handle)
	u.keys, err = list(ctx, q, func(rows *sql.Rows) (k passkeyRow, err error) {
		return k, rows.Scan(&k.id, &k.credentialID, &k.publicKey, &k.aaguid, &k.transports, &k.signCount, &k.eligible, &k.backedUp, &k.suspended)
	}, `SELECT id, credential_id, public_key, aaguid, transports, sign_count, backup_eligible, backed_up, suspended_at IS NOT NULL
		FROM passkeys WHERE person = $1 ORDER BY created_at, id`, u.person)
	if err != nil {
		return nil, dbError(fmt.Errorf("reading passkeys: %w", err))
	}
	return &u, nil
}

// askNew says what to ask an authenticator for a new passkey, and what to remember of it.
func askNew(rp *webauthn.WebAuthn, u *passkeyUser) (options, remember []byte, err error) {
	creation, session, err := rp.BeginRegistration(u, webauthn.WithExclusions(webauthn.Credentials(u.WebAuthnCredentials()).CredentialDescriptors()))
	if err != nil {
		return nil, nil, fmt.Errorf("asking for a passkey: %w", err)
	}
	return bothJSON(creation, session)
}

// askFor says what to ask for a passkey of u; of anybody when u is nil, so that the question does not tell who exists.
func askFor(rp *webauthn.WebAuthn, u *passkeyUser) (options, remember []byte, err error) {
	if u == nil {
		assertion, session, err := rp.BeginDiscoverableLogin()
		if err != nil {
			return nil, nil, fmt.Errorf("asking for a passkey: %w", err)
		}
		return bothJSON(assertion, session)
	}
	assertion, session, err := rp.BeginLogin(u)
	if err != nil {
		return nil, nil, say(ErrConflict, "You have no passkey.")
	}
	return bothJSON(assertion, session)
}

func bothJSON(a, b any) (x, y []byte, err error) {
	if x, err = json.Marshal(a); err == nil {
		y, err = json.Marshal(b)
	}
	return x, y, err
}

var errWrongPasskey = say(ErrWrongFactor, "This passkey was not accepted.")

// readNew checks the answer to askNew. Errors: ErrWrongFactor; why is for the operator's log.
func readNew(rp *webauthn.WebAuthn, u *passkeyUser, remembered string, answer []byte) (k passkeyRow, why, err error) {
	var session webauthn.SessionData
	if err := json.Unmarshal([]byte(remembered), &session); err != nil {
		return passkeyRow{}, nil, fmt.Errorf("stored challenge: %w", ErrIntegrity)
	}
	if len(answer) > maxPasskeyAnswer {
		return passkeyRow{}, nil, errWrongPasskey
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return passkeyRow{}, err, errWrongPasskey
	}
	c, err := rp.CreateCredential(u, session, parsed)
	if err != nil {
		return passkeyRow{}, err, errWrongPasskey
	}
	return rowOf(c), nil, nil
}

// checked is a passkey that answered rightly, or is a copy.
type checked struct {
	who    *passkeyUser
	was    passkeyRow // as it is stored
	now    passkeyRow // with its new counter
	cloned bool
}

// readAnswer checks the answer to askFor; find finds the person by credential and handle. Errors: ErrWrongFactor; why is
// for the operator's log.
func readAnswer(rp *webauthn.WebAuthn, u *passkeyUser, remembered string, answer []byte,
	find func(handle []byte) (*passkeyUser, error)) (out checked, why, err error) {
	var session webauthn.SessionData
	if err := json.Unmarshal([]byte(remembered), &session); err != nil {
		return checked{}, nil, fmt.Errorf("stored challenge: %w", ErrIntegrity)
	}
	if len(answer) > maxPasskeyAnswer {
		return checked{}, nil, errWrongPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return checked{}, err, errWrongPasskey
	}
	var c *webauthn.Credential
	if u != nil {
		c, err = rp.ValidateLogin(u, session, parsed)
	} else {
		var broken error
		_, c, err = rp.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			found, err := find(handle)
			if err != nil {
				if !errors.Is(err, ErrNotFound) {
					broken = err
				}
				return nil, err
			}
			u = found
			return found, nil
		}, session, parsed)
		if broken != nil {
			return checked{}, nil, broken
		}
	}
	if err != nil {
		return checked{}, err, errWrongPasskey
	}
	at := slices.IndexFunc(u.keys, func(k passkeyRow) bool { return k.credentialID == inBase64(c.ID) })
	if at < 0 || u.keys[at].suspended {
		return checked{}, errors.New("suspended or gone"), errWrongPasskey
	}
	return checked{who: u, was: u.keys[at], now: rowOf(c), cloned: c.Authenticator.CloneWarning}, nil, nil
}

// checkOf is the library's fixed word for the check that failed; its details may hold what was sent.
func checkOf(why error) string {
	var e *protocol.Error
	if errors.As(why, &e) {
		return e.Type
	}
	return "other"
}
