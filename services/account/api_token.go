package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"strings"

	"github.com/kubeorch/core/models"
)

const (
	apiTokenRandom = 26 // bytes
	apiTokenLength = 48 // letters, which the bytes and their checksum fill exactly
	apiTokenShown  = len(models.APITokenPrefix) + 6
)

// apiTokenLetters is base32 in lower case without padding: a double click selects
// all of a token.
func apiTokenLetters() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// newAPIToken returns a token: the prefix, 208 random bits and their checksum.
// The checksum lets secret scanners, and this server, recognise tokens.
func newAPIToken() string {
	var b [apiTokenRandom]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return models.APITokenPrefix + apiTokenLetters().EncodeToString(binary.BigEndian.AppendUint32(b[:], crc32.ChecksumIEEE(b[:])))
}

// hashAPIToken returns the hash that a token is stored by. Text that has not the
// form of a token is Unauthenticated.
func hashAPIToken(token string) (string, error) {
	letters, ok := strings.CutPrefix(token, models.APITokenPrefix)
	if !ok || len(letters) != apiTokenLength {
		return "", badAPIToken(errors.New("not the length of an API token"))
	}
	b, err := apiTokenLetters().DecodeString(letters)
	if err != nil || len(b) != apiTokenRandom+crc32.Size || // fewer bytes where line breaks were skipped
		binary.BigEndian.Uint32(b[apiTokenRandom:]) != crc32.ChecksumIEEE(b[:apiTokenRandom]) {
		return "", badAPIToken(errors.New("not the form of an API token"))
	}
	return hashSecret(token), nil
}

func badAPIToken(err error) error {
	return &models.Error{
		Op: "account.APITokens", Kind: models.Unauthenticated,
		Msg: "the API token is not valid, has expired or was revoked", Err: err,
	}
}

// hashSecret returns the hash that a random secret is stored by. A fast hash is
// enough: 128 random bits cannot be guessed.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
