package services

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"github.com/kubeorch/core/models"
)

const (
	// PasswordCost is the bcrypt cost of stored passwords.
	PasswordCost = 12

	minPassword = 6  // characters
	maxPassword = 72 // bytes; bcrypt ignores what follows

	hashersAtOnce = 2
	hashWait      = 20 * time.Second
)

// Passwords hashes and compares passwords, a few at once: a flood of logins
// then waits in line and leaves the processors to the others. It is safe for
// concurrent use.
type Passwords struct {
	cost  int
	slots chan struct{}
	decoy []byte
}

// NewPasswords returns a hasher with the given bcrypt cost.
func NewPasswords(cost int) *Passwords {
	return &Passwords{
		cost:  cost,
		slots: make(chan struct{}, hashersAtOnce),
		// Nobody's hash, in a form that takes as long to compare as one of ours.
		decoy: fmt.Appendf(nil, "$2a$%02d$%s", cost, strings.Repeat("x", 53)),
	}
}

// Hash returns the hash of a password that checkPassword has accepted.
func (p *Passwords) Hash(ctx context.Context, password models.Secret) (string, error) {
	release, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	hash, err := bcrypt.GenerateFromPassword([]byte(password.Reveal()), p.cost)
	if err != nil {
		return "", &models.Error{Op: "services.Passwords.Hash", Err: err}
	}
	return string(hash), nil
}

// Match reports whether hash is the hash of password. An empty hash, as an
// account has that is absent or without password, matches nothing and takes
// the same time.
func (p *Passwords) Match(ctx context.Context, hash string, password models.Secret) (bool, error) {
	release, err := p.enter(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	compare, usable := []byte(hash), true
	if hash == "" || len(password.Reveal()) > maxPassword {
		compare, usable = p.decoy, false
	}
	err = bcrypt.CompareHashAndPassword(compare, []byte(password.Reveal()))
	if err != nil && !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, &models.Error{Op: "services.Passwords.Match", Err: err}
	}
	return err == nil && usable, nil
}

// enter waits for its turn; the caller calls release.
func (p *Passwords) enter(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, &models.Error{
			Op: "services.Passwords", Kind: models.Unavailable,
			Msg: "too many people are signing in right now; please try again", Err: ctx.Err(),
		}
	}
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
