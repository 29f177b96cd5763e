//go:build !js

package imaging

import (
	"errors"
	"fmt"
	"image"
	"sync"
)

// searchFaces runs the searches of the plan, two at a time at most, and merges the heads they propose: those that
// overlap are one face, whose evidence is the sum of what each cascade says at its best.
func searchFaces(gray *image.Gray) ([]finding, error) {
	return searchPlan(gray, facePlan, faceEvidence)
}

func searchPlan(gray *image.Gray, plan []*search, least float64) ([]finding, error) {
	heads, err := headsOf(gray, plan)
	if err != nil {
		return nil, err
	}
	return mergeHeads(heads, least), nil
}

// headsOf gives what each search of a plan proposes.
func headsOf(gray *image.Gray, plan []*search) ([]head, error) {
	type task struct {
		s       *search
		degrees int
	}
	var tasks []task
	for _, s := range plan {
		if _, err := s.model.unpack(); err != nil {
			return nil, err
		}
		for _, d := range s.turns {
			tasks = append(tasks, task{s, d})
		}
	}
	views := newViews(gray)
	found, errs := make([][]hit, len(tasks)), make([]error, len(tasks))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 2)
	for i, t := range tasks {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found[i], errs[i] = t.s.run(views, t.degrees)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("searching for faces: %w", err)
	}
	var heads []head
	for i, hits := range found {
		heads = tasks[i].s.heads(heads, hits, gray.Rect.Dx(), gray.Rect.Dy())
	}
	return heads, nil
}
