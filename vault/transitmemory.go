package vault

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/clinivault/clinivault/vault/seal"
)

// maxMemory bounds the keys that are remembered at once.
const maxMemory = 4096

// keyMemory remembers unwrapped keys for a short while, under the hash of what
// they were unwrapped from. Keys are overwritten when they go.
type keyMemory struct {
	life time.Duration // not positive: nothing is remembered

	mu   sync.Mutex // guards what follows
	keys map[[sha256.Size]byte]*memory
}

type memory struct {
	key   seal.Key
	until time.Time // of the monotonic clock, so that setting the clock changes nothing
}

// memoryName is the hash of wrapped, version and aad, each with its length.
func memoryName(wrapped []byte, version uint32, aad []byte) [sha256.Size]byte {
	b := binary.BigEndian.AppendUint32(nil, version)
	b = append(b, bindText(string(wrapped), string(aad))...)
	return sha256.Sum256(b)
}

func (m *keyMemory) find(wrapped []byte, version uint32, aad []byte) (seal.Key, bool) {
	name := memoryName(wrapped, version, aad)
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.keys[name]
	if !ok {
		return seal.Key{}, false
	}
	if !time.Now().Before(found.until) {
		m.drop(name)
		return seal.Key{}, false
	}
	return found.key, true
}

func (m *keyMemory) keep(wrapped []byte, version uint32, aad []byte, key seal.Key) {
	if m.life <= 0 {
		return
	}
	name := memoryName(wrapped, version, aad)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys == nil {
		m.keys = map[[sha256.Size]byte]*memory{}
	}
	if len(m.keys) >= maxMemory {
		m.makeRoom()
	}
	m.keys[name] = &memory{key, time.Now().Add(m.life)}
	time.AfterFunc(m.life, func() { m.expire(name) })
}

// expire drops a key whose time is over, whether anybody asks for it or not.
func (m *keyMemory) expire(name [sha256.Size]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, ok := m.keys[name]; ok && !time.Now().Before(found.until) {
		m.drop(name)
	}
}

// makeRoom drops half of the keys, whichever.
func (m *keyMemory) makeRoom() {
	for name := range m.keys {
		if m.drop(name); len(m.keys) <= maxMemory/2 {
			return
		}
	}
}

func (m *keyMemory) drop(name [sha256.Size]byte) {
	m.keys[name].key.Wipe()
	delete(m.keys, name)
}

func (m *keyMemory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.keys {
		m.drop(name)
	}
}
