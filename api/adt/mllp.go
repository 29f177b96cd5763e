package adt

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// The frame of MLLP (HL7 v2 transport specification, release 1, section 2.2): VT, the message, FS, CR.
const (
	startBlock = 0x0b
	endBlock   = 0x1c
	endData    = 0x0d
)

const (
	maxNoise   = 64 // bytes that are skipped before a frame: some senders send line ends between
	readBuffer = 16 << 10
)

// What can be wrong with a frame.
var (
	errFrame = errors.New("not an MLLP frame")
	errLong  = errors.New("the message is longer than 1 MiB")
)

// newReader buffers a connection for readFrame.
func newReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, readBuffer) }

// readFrame reads one message. io.EOF: the sender has ended, between two frames. After errFrame and errLong nothing that
// follows can be trusted, and the connection is closed.
func readFrame(r *bufio.Reader) ([]byte, error) {
	if err := skipToStart(r); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for {
		part, err := r.ReadSlice(endBlock)
		if out.Len()+len(part) > MaxMessage+1 {
			return nil, errLong
		}
		out.Write(part)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, cutShort(err)
		}
		next, err := r.ReadByte()
		if err != nil {
			return nil, cutShort(err)
		}
		if next != endData {
			return nil, fmt.Errorf("no carriage return after the end of a block: %w", errFrame)
		}
		body := out.Bytes()
		return body[:len(body)-1], nil
	}
}

// skipToStart reads up to and with the start of a block.
func skipToStart(r *bufio.Reader) error {
	for range maxNoise {
		b, err := r.ReadByte()
		if err != nil {
			return err
		}
		switch b {
		case startBlock:
			return nil
		case '\r', '\n', 0:
		default:
			return fmt.Errorf("bytes before the start of a block: %w", errFrame)
		}
	}
	return fmt.Errorf("no start of a block: %w", errFrame)
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// frame puts an answer into a frame.
func frame(message []byte) []byte {
	out := make([]byte, 0, len(message)+3)
	out = append(out, startBlock)
	out = append(out, message...)
	return append(out, endBlock, endData)
}
