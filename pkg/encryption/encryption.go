// Package encryption seals small values for storage.
//
// A sealed value is one byte of format (1), 8 bytes of key id, 12 bytes of
// nonce, then the AES-256-GCM ciphertext with its tag. The key is derived by
// HKDF-SHA256 from a secret string; the key id is derived from the same secret
// under another label, so that it reveals nothing about the key. The format byte
// and the key id are authenticated together with the caller's additional data,
// which names the record and field of the value: a value that is copied to another
// record does not open there.
package encryption

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// The errors of Box.Open.
var (
	// ErrUnknownKey means that the box does not have the key of the value.
	ErrUnknownKey = errors.New("sealed with a key that is not configured")
	// ErrTampered means that the value was changed, or is of another record.
	ErrTampered = errors.New("sealed value is damaged or belongs to another record")
)

const (
	format    = 1
	keyIDSize = 8
	nonceSize = 12
	headSize  = 1 + keyIDSize
)

type keyID [keyIDSize]byte

func (id keyID) String() string { return hex.EncodeToString(id[:]) }

// Box seals with one key and opens with several, so that keys can be rotated. It
// is safe for concurrent use.
type Box struct {
	primary keyID
	ids     []string // of keys, the primary first
	keys    map[keyID]cipher.AEAD
}

// NewBox returns a box that seals with the key of the secret primary, and opens
// values of that and of the older secrets. An empty secret is an error.
func NewBox(primary string, older ...string) (*Box, error) {
	b := &Box{keys: make(map[keyID]cipher.AEAD, 1+len(older))}
	for i, secret := range append([]string{primary}, older...) {
		id, aead, err := derive(secret)
		if err != nil {
			return nil, fmt.Errorf("encryption key %d: %w", i+1, err)
		}
		if i == 0 {
			b.primary = id
		}
		if b.keys[id] == nil {
			b.ids = append(b.ids, id.String())
		}
		b.keys[id] = aead
	}
	return b, nil
}

func derive(secret string) (id keyID, aead cipher.AEAD, err error) {
	if secret == "" {
		return id, nil, errors.New("is empty")
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "kubeorch/encryption/v1/key", 32)
	if err != nil {
		return id, nil, err
	}
	name, err := hkdf.Key(sha256.New, []byte(secret), nil, "kubeorch/encryption/v1/id", keyIDSize)
	if err != nil {
		return id, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return id, nil, err
	}
	aead, err = cipher.NewGCM(block)
	return keyID(name), aead, err
}

// Keys returns the ids of the box's keys in hexadecimal, that of Seal first. An id
// reveals nothing about its key.
func (b *Box) Keys() []string { return slices.Clone(b.ids) }

// KeyOf returns the id, as in Keys, of the key with which sealed was made, or "" if
// sealed is no sealed value.
func KeyOf(sealed []byte) string {
	if len(sealed) < headSize || sealed[0] != format {
		return ""
	}
	return keyID(sealed[1:headSize]).String()
}

// Seal encrypts plaintext for the record and field that aad names, for example
// "clusters/<id>/credentials".
func (b *Box) Seal(plaintext []byte, aad string) ([]byte, error) {
	out := make([]byte, headSize+nonceSize, headSize+nonceSize+len(plaintext)+16)
	out[0] = format
	copy(out[1:], b.primary[:])
	nonce := out[headSize:]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return b.keys[b.primary].Seal(out, nonce, plaintext, bind(out[:headSize], aad)), nil
}

// Open decrypts what Seal returned for the same aad. The error is
// ErrUnknownKey or ErrTampered.
func (b *Box) Open(sealed []byte, aad string) ([]byte, error) {
	if len(sealed) < headSize+nonceSize || sealed[0] != format {
		return nil, ErrTampered
	}
	aead, ok := b.keys[keyID(sealed[1:headSize])]
	if !ok {
		return nil, ErrUnknownKey
	}
	nonce, text := sealed[headSize:headSize+nonceSize], sealed[headSize+nonceSize:]
	plain, err := aead.Open(nil, nonce, text, bind(sealed[:headSize], aad))
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// Current reports whether sealed was made with the key of Seal. After a rotation,
// other values have to be sealed again.
func (b *Box) Current(sealed []byte) bool {
	return len(sealed) >= headSize && sealed[0] == format && keyID(sealed[1:headSize]) == b.primary
}

func bind(head []byte, aad string) []byte {
	return append(append(make([]byte, 0, len(head)+len(aad)), head...), aad...)
}
