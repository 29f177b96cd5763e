package chart

import (
	"reflect"
	"strings"
	"time"
)

// sameDocument compares a DocumentReference that was read back with the one
// that was sent, field by field where the chart's meaning is at stake. A server
// may add meta, narrative and extensions, may make references absolute and may
// write a time in another zone.
func (r *receiver) sameDocument(sent, got documentReference) bool {
	if len(got.Content) != 1 || len(sent.Content) != 1 || got.Subject == nil || got.MasterIdentifier == nil || got.Type == nil {
		return false
	}
	a, b := sent.Content[0].Attachment, got.Content[0].Attachment
	return got.ResourceType == sent.ResourceType && got.ID == sent.ID && got.Status == sent.Status &&
		got.MasterIdentifier.System == sent.MasterIdentifier.System && got.MasterIdentifier.Value == sent.MasterIdentifier.Value &&
		reflect.DeepEqual(got.Type.Coding, sent.Type.Coding) &&
		reflect.DeepEqual(got.Category, sent.Category) &&
		reflect.DeepEqual(got.SecurityLabel, sent.SecurityLabel) &&
		r.sameReference(sent.Subject.Reference, got.Subject.Reference) &&
		sameTime(sent.Date, got.Date) &&
		samePeople(sent.Author, got.Author) &&
		b.Data == "" && a.ContentType == b.ContentType && a.Size == b.Size && a.Hash == b.Hash &&
		a.Title == b.Title && sameTime(a.Creation, b.Creation) && r.sameReference(a.URL, b.URL)
}

// sameProvenance does so for a Provenance.
func (r *receiver) sameProvenance(sent, got provenance) bool {
	if len(got.Target) != len(sent.Target) || len(got.Agent) != len(sent.Agent) || len(got.Entity) != len(sent.Entity) {
		return false
	}
	for i := range sent.Target {
		if !r.sameReference(sent.Target[i].Reference, got.Target[i].Reference) {
			return false
		}
	}
	for i := range sent.Agent {
		if !reflect.DeepEqual(sent.Agent[i].Type, got.Agent[i].Type) ||
			!samePeople([]reference{sent.Agent[i].Who}, []reference{got.Agent[i].Who}) {
			return false
		}
	}
	for i := range sent.Entity {
		if sent.Entity[i].Role != got.Entity[i].Role ||
			!reflect.DeepEqual(sent.Entity[i].What.Identifier, got.Entity[i].What.Identifier) {
			return false
		}
	}
	if len(got.Signature) > 0 && (len(got.Signature) != len(sent.Signature) ||
		!sameCertificate(sent.Signature[0].Data, got.Signature[0].Data)) {
		return false
	}
	return got.ResourceType == sent.ResourceType && got.ID == sent.ID && sameTime(sent.Recorded, got.Recorded)
}

// sameReference accepts the relative form that was sent and its absolute form
// below the receiver's own base, and no other host.
func (r *receiver) sameReference(sent, got string) bool {
	return got == sent || got == r.base.String()+"/"+sent || strings.TrimPrefix(got, "/") == sent
}

func samePeople(sent, got []reference) bool {
	if len(sent) != len(got) {
		return false
	}
	for i := range sent {
		if sent[i].Display != got[i].Display || !reflect.DeepEqual(sent[i].Identifier, got[i].Identifier) {
			return false
		}
	}
	return true
}

func sameTime(sent, got string) bool {
	a, errA := time.Parse(time.RFC3339, sent)
	b, errB := time.Parse(time.RFC3339, got)
	return errA == nil && errB == nil && a.Equal(b)
}
