package uplink

import "time"

// reserve sets memory aside for a body and one of the peer's uploads. Half of the memory is for bodies that stay whole
// until they are taken in; when that is gone, a body gets memory for its window alone and is read back at the end.
func (s *Server) reserve(key uploadKey, size int64) (bytes int64, whole bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if size > s.cfg.Limits.Size {
		return 0, false, &Error{Code: CodeTooLarge}
	}
	if s.perPeer[key.peer] >= s.cfg.Limits.UploadsPerPeer {
		return 0, false, &Error{Code: CodeBusy, RetryAfter: busyWait}
	}
	bytes = (size + BlockSize - 1) / BlockSize * BlockSize
	whole = s.memory+bytes <= s.cfg.Limits.Memory/2
	if !whole {
		bytes = min(bytes, spillBlocks*BlockSize)
	}
	if s.memory+bytes > s.cfg.Limits.Memory {
		if s.memory-s.leaving+bytes > s.cfg.Limits.Memory {
			s.putOutStalled(time.Now())
		}
		return 0, false, &Error{Code: CodeBusy, RetryAfter: busyWait}
	}
	s.memory += bytes
	s.perPeer[key.peer]++
	return bytes, whole, nil
}

func (s *Server) release(in *incoming) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory -= in.reserved
	if in.out {
		s.leaving -= in.reserved
	}
	if s.perPeer[in.key.peer]--; s.perPeer[in.key.peer] == 0 {
		delete(s.perPeer, in.key.peer)
	}
}

// putOutStalled ends the upload that has waited longest for its device to make a block whole, if that is longer than it
// may; the lock is held. Only somebody who lacks the memory has this done: a slow device disturbs nobody as long as there
// is enough. The blocks that were kept stay, and count when the device comes back.
func (s *Server) putOutStalled(now time.Time) {
	var worst *incoming
	for _, in := range s.uploads {
		if in.out || in.since.IsZero() || now.Sub(in.since) <= s.cfg.Limits.Stall {
			continue
		}
		if worst == nil || in.since.Before(worst.since) {
			worst = in
		}
	}
	if worst == nil {
		return
	}
	worst.out = true
	s.leaving += worst.reserved
	worst.stop(&Error{Code: CodeBusy, RetryAfter: busyWait})
}

// awaitBlock notes that it is up to the device to go on with an upload, until awaitNothing.
func (s *Server) awaitBlock(in *incoming) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.since.IsZero() {
		in.since = time.Now()
	}
}

func (s *Server) awaitNothing(in *incoming) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in.since = time.Time{}
}

// claim makes in the upload under way for its body and returns the one it takes over from, if any.
func (s *Server) claim(in *incoming) (former *incoming) {
	s.mu.Lock()
	defer s.mu.Unlock()
	former = s.uploads[in.key]
	if former != nil && !former.out {
		in.since = former.since // or offering a body again and again would pass for going on with it
	}
	s.uploads[in.key] = in
	return former
}

func (s *Server) disclaim(in *incoming) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uploads[in.key] == in {
		delete(s.uploads, in.key)
	}
}
