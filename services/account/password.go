package account

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"github.com/kubeorch/core/models"
)

const (
	minPassword = 6  // characters
	maxPassword = 72 // bytes; bcrypt ignores what follows
)

// Passwords hashes and compares passwords, on half of the processors at most:
// a flood of logins then waits in line and leaves the others to the rest of the
// API. It is safe for concurrent use.
type Passwords struct {
	cost  int
	line  line
	decoy []byte
}

// NewPasswords returns a hasher with the given bcrypt cost.
func NewPasswords(cost int) *Passwords {
	return &Passwords{
		cost: cost,
		line: line{free: max(1, runtime.GOMAXPROCS(0)/2)},
		// Nobody's hash, in a form that takes as long to compare as one of ours.
		decoy: fmt.Appendf(nil, "$2a$%02d$%s", cost, strings.Repeat("x", 53)),
	}
}

// Hash returns the hash of a password that checkPassword has accepted, of
// somebody who may have one.
func (p *Passwords) Hash(ctx context.Context, password models.Secret) (string, error) {
	leave, err := p.line.enter(ctx, true)
	if err != nil {
		return "", err
	}
	defer leave()
	hash, err := bcrypt.GenerateFromPassword([]byte(password.Reveal()), p.cost)
	if err != nil {
		return "", &models.Error{Op: "account.Passwords.Hash", Err: err}
	}
	return string(hash), nil
}

// Match reports whether hash is the hash of password. An empty hash, as an
// account has that is absent or without password, matches nothing and takes
// the same time.
func (p *Passwords) Match(ctx context.Context, hash string, password models.Secret) (bool, error) {
	return p.match(ctx, hash, password, true)
}

// match is Match for anybody: who is not known waits behind those who are.
func (p *Passwords) match(ctx context.Context, hash string, password models.Secret, known bool) (bool, error) {
	leave, err := p.line.enter(ctx, known)
	if err != nil {
		return false, err
	}
	defer leave()
	compare, usable := []byte(hash), true
	if hash == "" || len(password.Reveal()) > maxPassword {
		compare, usable = p.decoy, false
	}
	err = bcrypt.CompareHashAndPassword(compare, []byte(password.Reveal()))
	if err != nil && !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, &models.Error{Op: "account.Passwords.Match", Err: err}
	}
	return err == nil && usable, nil
}

// current reports whether a hash has the cost of new ones.
func (p *Passwords) current(hash string) bool {
	cost, err := bcrypt.Cost([]byte(hash))
	return err == nil && cost == p.cost
}

func checkPassword(p *models.Problems, field string, password models.Secret) {
	s := password.Reveal()
	switch {
	case utf8.RuneCountInString(s) < minPassword:
		p.Addf(field, "must have at least %d characters", minPassword)
	case len(s) > maxPassword:
		p.Addf(field, "must have at most %d bytes; letters outside English take several", maxPassword)
	}
}
