package account

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"

	"github.com/kubeorch/core/models"
)

const (
	minPassword = 6  // characters
	maxPassword = 72 // bytes; bcrypt takes no more
)

// Passwords hashes and compares passwords on half of the processors at most, so
// that a flood of logins leaves the others to the rest of the API. It is safe for
// concurrent use.
type Passwords struct {
	cost  int
	queue hashQueue
	decoy []byte
}

// NewPasswords returns a hasher with the given bcrypt cost.
func NewPasswords(cost int) *Passwords {
	return &Passwords{
		cost:  cost,
		queue: hashQueue{free: max(1, runtime.GOMAXPROCS(0)/2)},
		// The hash of no password, which takes as long to compare as a stored one.
		decoy: fmt.Appendf(nil, "$2a$%02d$%s", cost, strings.Repeat("x", 53)),
	}
}

// Hash returns the hash of a password that checkPassword has accepted. Hashing is
// expensive: callers check everything else first.
func (p *Passwords) Hash(ctx context.Context, password models.Secret) (string, error) {
	release, err := p.queue.acquire(ctx, true)
	if err != nil {
		return "", err
	}
	defer release()
	hash, err := bcrypt.GenerateFromPassword([]byte(prepared(password.Reveal())), p.cost)
	if err != nil {
		return "", &models.Error{Op: "account.Passwords.Hash", Err: err}
	}
	return string(hash), nil
}

// Match reports whether hash is the hash of password. An empty hash stands for an
// absent account or one without password: it matches nothing and takes as long.
func (p *Passwords) Match(ctx context.Context, hash string, password models.Secret) (bool, error) {
	m, err := p.match(ctx, hash, password, true)
	return m.ok, err
}

// passwordMatch is the outcome of comparing a password with a hash.
type passwordMatch struct {
	ok       bool
	outdated bool // Hash would make another kind of hash: of another cost, or of the prepared password
}

// match is Match for logins. Clients that are not known wait behind the others.
func (p *Passwords) match(ctx context.Context, hash string, password models.Secret, known bool) (passwordMatch, error) {
	release, err := p.queue.acquire(ctx, known)
	if err != nil {
		return passwordMatch{}, err
	}
	defer release()
	typed := password.Reveal()
	ok, err := p.compare(hash, prepared(typed))
	if err != nil || ok || prepared(typed) == typed {
		cost, _ := bcrypt.Cost([]byte(hash))
		return passwordMatch{ok: ok, outdated: cost != p.cost}, err
	}
	ok, err = p.compare(hash, typed) // hashes were made of this form before
	return passwordMatch{ok: ok, outdated: true}, err
}

// compare takes the same time for every hash and every password.
func (p *Passwords) compare(hash, password string) (bool, error) {
	stored, usable := []byte(hash), true
	if hash == "" || len(password) > maxPassword {
		stored, usable = p.decoy, false
	}
	err := bcrypt.CompareHashAndPassword(stored, []byte(password))
	if err != nil && !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, &models.Error{Op: "account.Passwords.Match", Err: err}
	}
	return err == nil && usable, nil
}

// prepared returns the form of a password that is hashed: keyboards and systems
// encode the same characters in different ways. It maps as the profile
// OpaqueString of RFC 8265 does, spaces to the ASCII one and the rest to NFC.
// That profile also refuses control characters and characters that its Unicode
// version lacks, which would lock out people who have such a password.
func prepared(password string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Zs, r) {
			return ' '
		}
		return r
	}, password))
}

func checkPassword(p *models.Problems, field string, password models.Secret) {
	s := prepared(password.Reveal())
	switch {
	case utf8.RuneCountInString(s) < minPassword:
		p.Addf(field, "must have at least %d characters", minPassword)
	case len(s) > maxPassword:
		p.Addf(field, "must have at most %d bytes; letters outside English take several", maxPassword)
	}
}
