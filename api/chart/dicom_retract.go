package chart

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
)

// Ways to have an archive delete an object, as configured.
const (
	deleteDICOMweb = "dicomweb"
	deleteOrthanc  = "orthanc"
)

// keyObject is Key Object Selection Document Storage (PS3.4 B.5).
const keyObject = "1.2.840.10008.5.1.4.1.1.88.59"

// retract deletes the object where the archive can and is configured for it;
// otherwise, or when the archive refuses, it stores a rejection note (IHE RAD
// TF, Imaging Object Change Management), which asks the archive to show the
// object no more. What the archive gives afterwards decides, not its answer.
func (t *dicomTarget) retract(ctx context.Context, r *retraction) (string, error) {
	id := t.delivered(r)
	note := uids{study: id.study, series: dicomUID(t.writer.cfg.Root, idNoteSeries, r.Attachment),
		instance: dicomUID(t.writer.cfg.Root, idNote, r.Attachment)}
	about, err := t.metadata(ctx, id)
	if err != nil {
		return "", err
	}
	if about == nil { // deleted, never arrived, or hidden by our own note
		noted, err := t.holdsNote(ctx, note, id)
		if err != nil || noted != heldSame {
			return r.gone(), err
		}
		return howNoted, nil
	}
	if about.text("00080016") != vlPhotographic {
		return "", never("%s holds something else under the identifier of the DICOM object", t.name)
	}
	if t.writer.cfg.Delete != "" {
		asked := t.askToDelete(ctx, id)
		left, err := t.metadata(ctx, id)
		switch {
		case err != nil:
			return "", err
		case left == nil:
			return howDeleted, nil
		case asked == nil:
			return "", later("%s says that it deleted the DICOM object and still has it", t.name)
		case !isPermanent(asked):
			return "", asked
		}
	}
	return howNoted, t.ensure(ctx, t.rejection(r, id, note, about))
}

// delivered names the object as the delivery did: the root may have been
// configured anew since.
func (t *dicomTarget) delivered(r *retraction) uids {
	id := t.writer.uids(&entry{Attachment: r.Attachment})
	if w := r.Wrote; w != nil && isUID(w.Study) && isUID(w.Series) && isUID(w.Instance) {
		id = uids{study: w.Study, series: w.Series, instance: w.Instance}
	}
	return id
}

func isUID(s string) bool { return len(s) <= 64 && uidRoot.MatchString(s) }

// rejection is the note at the archive.
func (t *dicomTarget) rejection(r *retraction, id, note uids, about *dataset) thing {
	return thing{
		name:  "the rejection note",
		fixed: true,
		look:  func(ctx context.Context) (held, error) { return t.holdsNote(ctx, note, id) },
		write: func(ctx context.Context) error {
			object, err := t.writer.writeNote(r, id, note, about)
			if err != nil {
				return err
			}
			return t.store(ctx, object)
		},
	}
}

// holdsNote says whether the archive has the note and it rejects this object.
func (t *dicomTarget) holdsNote(ctx context.Context, note, id uids) (held, error) {
	got, err := t.metadata(ctx, note)
	if err != nil || got == nil {
		return heldNothing, err
	}
	refs := got.items("0040A375")
	if got.text("00080016") != keyObject || len(refs) != 1 || refs[0].text("0020000D") != id.study {
		return heldOther, nil
	}
	series := refs[0].items("00081115")
	if len(series) != 1 || series[0].text("0020000E") != id.series {
		return heldOther, nil
	}
	objects := series[0].items("00081199")
	if len(objects) != 1 || objects[0].text("00081155") != id.instance {
		return heldOther, nil
	}
	return heldSame, nil
}

// metadata fetches an instance without its pixels (WADO-RS, PS3.18 10.4.1.1.2).
// Nil: the archive does not have it, or does not show it.
func (t *dicomTarget) metadata(ctx context.Context, id uids) (*dataset, error) {
	got, err := t.call(ctx, http.MethodGet, id.path()+"/metadata", http.Header{"Accept": {dicomJSON}}, nil, maxResource)
	switch {
	case err != nil || got.absent() || got.status == http.StatusNoContent:
		return nil, err
	case !got.ok():
		return nil, t.refused("the question for a DICOM object", got)
	}
	var all []dataset
	if json.Unmarshal(got.body, &all) != nil || len(all) > 1 {
		return nil, later("%s described a DICOM object in an unknown form", t.name)
	}
	if len(all) == 0 {
		return nil, nil
	}
	if all[0].text("00080018") != id.instance || all[0].text("0020000D") != id.study {
		return nil, later("%s described another DICOM object than was asked for", t.name)
	}
	return &all[0], nil
}

// askToDelete asks in the configured way. PS3.18 knows no deletion; the way of
// DICOMweb is that of several archives.
func (t *dicomTarget) askToDelete(ctx context.Context, id uids) error {
	if t.writer.cfg.Delete == deleteDICOMweb {
		return t.deleted(t.call(ctx, http.MethodDelete, id.path(), http.Header{"Accept": {dicomJSON}}, nil, maxResource))
	}
	got, err := t.orthanc.call(ctx, http.MethodPost, "/tools/lookup", http.Header{"Content-Type": {"text/plain"}}, []byte(id.instance), maxResource)
	if err != nil {
		return err
	}
	if !got.ok() {
		return t.refused("the search for the DICOM object", got)
	}
	var found []struct{ ID, Type string }
	if json.Unmarshal(got.body, &found) != nil {
		return later("%s answered the search for the DICOM object in an unknown form", t.name)
	}
	for _, one := range found {
		if one.Type != "Instance" || !orthancID.MatchString(one.ID) {
			continue
		}
		if err := t.deleted(t.orthanc.call(ctx, http.MethodDelete, "/instances/"+one.ID, http.Header{}, nil, maxResource)); err != nil {
			return err
		}
	}
	return nil
}

// orthancID is how Orthanc names what it keeps: a SHA-1 in five groups.
var orthancID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{8}){4}$`)

func (t *dicomTarget) deleted(got answer, err error) error {
	if err == nil && !got.ok() && !got.absent() {
		err = t.refused("the deletion of the DICOM object", got)
	}
	return err
}
