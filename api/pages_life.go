package api

import (
	"slices"

	"github.com/clinivault/clinivault/vault"
)

// subject is what somebody is about to erase or to hold: a photo, or everything of a patient.
type subject struct {
	Patient vault.Patient
	Photo   vault.PhotoID
}

// subject reads from the address whom a page is about; nil when it names nobody. Addresses carry our own IDs alone.
func (v visit) subject() (*subject, error) {
	q := v.r.URL.Query()
	if q.Get("patient") == "" {
		return nil, nil
	}
	id, err := cleanID(q.Get("patient"))
	if err != nil {
		return nil, err
	}
	out := &subject{}
	if q.Get("photo") != "" {
		photo, err := cleanID(q.Get("photo"))
		if err != nil {
			return nil, err
		}
		out.Photo = vault.PhotoID(photo)
	}
	out.Patient, err = v.s.vault.Patient(v.ctx, v.actor, vault.PatientID(id))
	return out, err
}

// twoPeople is a thing that one person asks for and another signs, for whoever looks at it.
type twoPeople struct {
	by, self vault.PersonID
	may      bool // the person's role may sign
}

// Mine says that the person who looks asked for it, and so cannot sign.
func (t twoPeople) Mine() bool { return t.by == t.self }

// MaySign says that the button is worth showing; the vault decides when it is pressed.
func (t twoPeople) MaySign() bool { return t.may && t.by != t.self }

type erasureView struct {
	vault.Erasure
	twoPeople
}

func (v visit) erasureView(e vault.Erasure) erasureView {
	return erasureView{e, twoPeople{e.AskedBy, v.actor.Person(), v.actor.Has(vault.RolePrivacy)}}
}

// What says what is erased, in words.
func (e erasureView) What() string {
	whose := e.PatientName + ", number " + e.RecordNumber
	switch {
	case e.PatientName == "" && e.Photo == "":
		return "Everything of a patient who is erased"
	case e.PatientName == "":
		return "One photo of a patient who is erased"
	case e.Photo == "":
		return "Everything of " + whose
	}
	return "One photo of " + whose
}

// Sign is what has to be typed before it is signed.
func (e erasureView) Sign() string { return e.RecordNumber }

// Total is how many objects and copies it has to reach.
func (e erasureView) Total() int { return e.Waiting + e.Reached + e.Unreached }

// Moving says that it goes on by itself.
func (e erasureView) Moving() bool { return e.State == vault.ErasureDestroyed && e.Waiting > 0 }

func (s *Server) erasuresPage(v visit) (sheet, error) {
	about, err := v.subject()
	if err != nil {
		return sheet{}, err
	}
	list, err := s.vault.Erasures(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	views := make([]erasureView, len(list))
	for i, e := range list {
		views[i] = v.erasureView(e)
	}
	asked := slices.IndexFunc(views, func(e erasureView) bool { return e.State != vault.ErasureAsked })
	if asked < 0 {
		asked = len(views)
	}
	return sheet{name: "erasures", title: "Erasure", here: "/erasures", body: struct {
		About         *subject
		Waiting, Past []erasureView
	}{about, views[:asked], views[asked:]}}, nil
}

func (s *Server) erasurePage(v visit) (sheet, error) {
	id, err := v.param("id")
	if err != nil {
		return sheet{}, err
	}
	one, err := s.vault.ErasureStatus(v.ctx, v.actor, vault.ErasureID(id))
	return sheet{name: "erasure", title: "Erasure", here: "/erasures", body: v.erasureView(one)}, err
}

type holdView struct {
	vault.Hold
	twoPeople
}

// What says what is held, in words.
func (h holdView) What() string {
	whose := h.PatientName + ", number " + h.RecordNumber
	if h.Photo == "" {
		return "Everything of " + whose
	}
	return "One photo of " + whose
}

var storeWords = map[string]string{
	"waiting": "The store is being asked to lock the objects too.", "held": "The store locks the objects too.",
	"partly": "The store locks some of the objects; the vault guards all of them.", "freed": "The store has let the objects go.",
	"unsupported": "The store cannot lock objects; the vault guards them alone.",
}

// StoreText says whether the store guards the objects too.
func (h holdView) StoreText() string { return storeWords[h.Store] }

func (s *Server) holdsPage(v visit) (sheet, error) {
	about, err := v.subject()
	if err != nil {
		return sheet{}, err
	}
	list, err := s.vault.Holds(v.ctx, v.actor, "")
	if err != nil {
		return sheet{}, err
	}
	var lasting, lifted []holdView
	for _, h := range list {
		view := holdView{h, twoPeople{h.LiftBy, v.actor.Person(), v.actor.Has(vault.RolePrivacy)}}
		if h.LiftedAt != 0 {
			lifted = append(lifted, view)
		} else {
			lasting = append(lasting, view)
		}
	}
	return sheet{name: "holds", title: "Legal holds", here: "/holds", body: struct {
		About           *subject
		Lasting, Lifted []holdView
	}{about, lasting, lifted}}, nil
}

type recallView struct {
	vault.Recall
	twoPeople
}

func (s *Server) recallsPage(v visit) (sheet, error) {
	list, err := s.vault.Recalls(v.ctx, v.actor)
	if err != nil {
		return sheet{}, err
	}
	var waiting, past []recallView
	for _, r := range list {
		view := recallView{r, twoPeople{r.AskedBy, v.actor.Person(), true}}
		if r.State == "asked" {
			waiting = append(waiting, view)
		} else {
			past = append(past, view)
		}
	}
	copies, err := s.vault.Retractions(v.ctx, v.actor)
	in := func(state string) bool {
		return slices.ContainsFunc(copies, func(a vault.Attachment) bool { return a.State == state })
	}
	return sheet{name: "recalls", title: "Recalls", here: "/recalls", body: struct {
		Waiting, Past     []recallView
		Copies            []vault.Attachment
		Moving, Unreached bool
	}{waiting, past, copies, in(vault.AttachmentRetracting), in(vault.AttachmentUnreached)}}, err
}
