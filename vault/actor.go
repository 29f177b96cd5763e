package vault

import "slices"

// The kinds of actor. The empty kind is the zero Actor, which is refused everything.
const (
	byPerson      = "person"
	byJob         = "job"
	byOperator    = "operator"
	byProvisioner = "provisioner" // a directory that brings people in over SCIM, by its token
	byFeed        = "feed"        // a patient administration that tells of stays and merges, over HL7
	byDevice      = "device"      // an enrolled device by its certificate, for the person signed in on it
	byStranger    = "stranger"    // somebody at the door, for sign-in alone; never handed out
)

// Actor is on whose behalf a method runs: a signed-in person (Authenticate, SignIn), a job (JobActor) or whoever
// operates the machine (Operator). It says who, never what is allowed: that is read from the database at each call.
// The zero Actor is refused everything.
type Actor struct {
	kind    string
	person  PersonID
	name    string // of the person; for a job, of the work
	roles   []Role // as they were at sign-in or authentication, to show; never to decide by
	session SessionID
	client  ProvisionerID // of a directory
	device  DeviceID      // whose certificate it was
	signIn  SignInState   // of a person's session, to show; never to decide by
	remote  string
	request string
}

// JobActor acts for the vault's own work, named name ("worker", "sweeper"). It may process, deliver, sweep and sign
// checkpoints, and read or decide nothing a person may.
func JobActor(name string) Actor { return Actor{kind: byJob, name: name} }

// FeedActor acts for a patient administration, named as it names itself in its messages. It may tell of patients, stays
// and merges, and read or decide nothing.
func FeedActor(sender string) Actor { return Actor{kind: byFeed, name: sender} }

// Operator acts for whoever runs the command line on the machine itself: it provisions people, patients and care
// teams, and retries jobs. It sees no photo.
func Operator() Actor { return Actor{kind: byOperator, name: "operator"} }

// Person is who is signed in; empty for jobs and the operator.
func (a Actor) Person() PersonID { return a.person }

// Name is the display name of the person, or the name of the job.
func (a Actor) Name() string { return a.name }

// Roles are the person's roles when the actor was authenticated, for choosing what to show.
func (a Actor) Roles() []Role { return slices.Clone(a.roles) }

// Has reports whether Roles holds r.
func (a Actor) Has(r Role) bool { return slices.Contains(a.roles, r) }

// Session is the session behind the actor; empty for jobs and the operator.
func (a Actor) Session() SessionID { return a.session }

// From returns a copy whose audit events say from which address and in which request the act came.
func (a Actor) From(remote, requestID string) Actor {
	a.remote, a.request = remote, requestID
	return a
}

// subject is how audit events name the actor: a pseudonym, "job:worker", "operator", or "stranger". Who tries to sign
// in counts as the person whose login they gave, so that a person's trail shows it.
func (a Actor) subject() string {
	switch {
	case a.kind == byPerson, a.kind == byDevice, a.kind == byStranger && a.person != "":
		return "person:" + string(a.person)
	case a.kind == byProvisioner:
		return "directory:" + string(a.client)
	case a.kind == byJob:
		return "job:" + a.name
	case a.kind == "":
		return "nobody"
	}
	return a.kind
}
