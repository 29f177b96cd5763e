//go:build !js

package imaging

import "io"

// ChildMain is the whole life of a reading process: it reads the head of one request from in, limits itself,
// reads the picture, answers on out, and gives the exit status. It opens no file and no connection. Anything
// that goes wrong with the picture is an answer; a status other than 0 means there was none.
func ChildMain(in io.Reader, out io.Writer) int {
	var req request
	if err := readHead(in, &req); err != nil {
		return 3
	}
	if err := limitSelf(req.MemoryBytes, req.CPUSeconds); err != nil {
		return 4
	}
	data, err := readPicture(in, req.Limits.orDefault().MaxBytes*answerFactor)
	if err == nil && req.Opinion != "" {
		req.weights, err = readPicture(in, MaxOpinionBytes)
	}
	var answer []byte
	if err != nil {
		resp := &response{}
		resp.fail(err)
		answer, err = appendFrame(resp)
	} else {
		answer, err = serve(req, data)
	}
	if err != nil {
		return 5
	}
	if _, err := out.Write(answer); err != nil {
		return 6
	}
	return 0
}

// serve answers one request with one frame.
func serve(req request, data []byte) ([]byte, error) {
	resp, err := handle(req, data)
	if err != nil {
		resp = &response{}
		resp.fail(err)
	}
	return appendFrame(resp, resp.pictures...)
}

// handle does what is asked.
func handle(req request, data []byte) (resp *response, err error) {
	defer rescue(&err)
	resp = &response{ask: &req}
	switch req.Op {
	case opRead:
		return resp, resp.read(data, req.Limits)
	case opInspect:
		in, err := inspectWithin(data, req.Limits.orDefault())
		resp.Inspection = &in
		return resp, err
	case opDetect:
		return resp, resp.look(data, req.Limits)
	}
	// All but a first reading are of pictures that this package has made.
	s, err := newStill(data)
	if err != nil {
		return nil, err
	}
	switch req.Op {
	case opRedact:
		return resp, resp.redact(s, req.Regions)
	case opCover:
		return resp, resp.renditions(s, req.Regions)
	case opChart:
		jpeg, _, _, err := Baseline(s)
		resp.pictures = [][]byte{jpeg}
		return resp, err
	}
	return nil, refuse("question")
}

// look makes the original and searches it: what a first reading does, without the renditions.
func (r *response) look(data []byte, lim Limits) error {
	s, err := Read(data, lim)
	if err != nil {
		return err
	}
	r.Removed, r.Converted, r.pictures = s.removed, s.converted, [][]byte{s.data}
	return r.search(s)
}

// search proposes regions of s and says who did and what it took.
func (r *response) search(s *Still) (err error) {
	r.Detectors = Detectors()
	if r.Regions, r.Used, err = DetectTimed(s); err != nil || r.ask.Opinion == "" {
		return err
	}
	r.second(s)
	return nil
}

// read makes the original, searches it, and makes both sizes of it, open and with everything covered that was
// proposed, however unsure: nobody has looked at it yet.
func (r *response) read(data []byte, lim Limits) error {
	s, err := Read(data, lim)
	if err != nil {
		return err
	}
	r.Facts, r.Removed, r.Converted = s.facts, s.removed, s.converted
	r.pictures = [][]byte{s.data}
	if err := r.search(s); err != nil {
		return err
	}
	if err := r.renditions(s, nil); err != nil {
		return err
	}
	if len(r.Regions) == 0 {
		r.pictures = append(r.pictures, r.pictures[1], r.pictures[2])
		return nil
	}
	return r.renditions(s, r.Regions)
}

// redact covers regions, makes both sizes of the result, and looks at it again. The parent proves it.
func (r *response) redact(s *Still, regions []Region) error {
	covered, masked, err := redact(s, regions)
	if err != nil {
		return err
	}
	r.Masked, r.pictures = masked, [][]byte{covered.data}
	if err := r.renditions(covered, nil); err != nil {
		return err
	}
	return r.search(covered)
}

// renditions adds the thumbnail and display size of s with regions covered.
func (r *response) renditions(s *Still, cover []Region) error {
	img, err := decodeFor(s, SizeDisplay, cover)
	if err != nil {
		return err
	}
	for _, size := range []Size{SizeThumb, SizeDisplay} {
		small, err := renderImage(img, s, size)
		if err != nil {
			return err
		}
		r.pictures = append(r.pictures, small.data)
	}
	return nil
}
