package account

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/kubeorch/core/models"
)

const (
	tokenIssuer = "kubeorch"
	// clockSkew is how far the clocks of two servers may be apart.
	clockSkew = 5 * time.Second
)

// Tokens signs and checks session tokens. It is safe for concurrent use.
type Tokens struct {
	secret     []byte
	ttl        time.Duration
	refreshFor time.Duration
	now        func() time.Time
}

// NewTokens returns tokens that are valid for ttl and can be exchanged until
// refreshFor after the login. now is the clock.
func NewTokens(secret string, ttl, refreshFor time.Duration, now func() time.Time) *Tokens {
	return &Tokens{[]byte(secret), ttl, refreshFor, now}
}

// claims is what a token says. Role and e-mail are for other readers; this
// server takes them from the account.
type claims struct {
	UserID    string           `json:"user_id"`
	Email     string           `json:"email"`
	Role      string           `json:"role"`
	SessionID string           `json:"sid"`
	AuthTime  *jwt.NumericDate `json:"auth_time"` // of the login; a refresh keeps it
	jwt.RegisteredClaims
}

// Validate is called by the parser after the standard claims.
func (c *claims) Validate() error {
	if c.UserID == "" || c.SessionID == "" || c.AuthTime == nil {
		return errors.New("a claim is missing")
	}
	return nil
}

func (t *Tokens) sign(u models.User, session string, authTime time.Time) (string, error) {
	now := t.now()
	c := claims{
		UserID: u.ID, Email: u.Email, Role: u.Role, SessionID: session, AuthTime: jwt.NewNumericDate(authTime),
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    tokenIssuer,
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(t.ttl)),
		},
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(t.secret)
	if err != nil {
		return "", &models.Error{Op: "account.Tokens.sign", Err: err}
	}
	return signed, nil
}

// parse returns the claims of a valid token.
func (t *Tokens) parse(token string) (claims, error) { return t.parseAt(token, t.now()) }

// parseExpired returns the claims of a token that may have expired.
func (t *Tokens) parseExpired(token string) (claims, error) {
	var c claims
	// Whether it has expired is checked as of the moment it was made.
	if _, _, err := jwt.NewParser().ParseUnverified(token, &c); err != nil || c.IssuedAt == nil {
		return claims{}, invalidSession(err)
	}
	if c.IssuedAt.After(t.now().Add(clockSkew)) {
		return claims{}, invalidSession(errors.New("made in the future"))
	}
	return t.parseAt(token, c.IssuedAt.Time)
}

func (t *Tokens) parseAt(token string, at time.Time) (claims, error) {
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.secret, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(tokenIssuer),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(clockSkew),
		jwt.WithTimeFunc(func() time.Time { return at }),
	)
	if err != nil {
		return claims{}, invalidSession(err)
	}
	return c, nil
}

func invalidSession(err error) error {
	return &models.Error{
		Op: "account.Tokens", Kind: models.Unauthenticated,
		Msg: "the session is not valid or has expired; sign in again", Err: err,
	}
}
