package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"golang.org/x/oauth2"
)

// maxSubject is the longest id of a person, as OpenID Connect has it.
const maxSubject = 255

// Verification is what a provider says about an e-mail address.
type Verification uint8

// The answers. Unknown is that of a plain OAuth2 provider that does not say;
// an OpenID provider that does not say has not verified.
const (
	Unknown Verification = iota
	Verified
	Unverified
)

// Person is who logged in, in the provider's words: the texts are as it sent
// them.
type Person struct {
	Subject string // the provider's id of the person, never empty
	Email   string // may be empty
	Name    string // may be empty
	Checked Verification
}

// openIDPerson reads the id_token, and asks for more where it does not say the
// address and whether that is verified.
func (p *Provider) openIDPerson(ctx context.Context, at endpoints, nonce string, token *oauth2.Token) (Person, error) {
	c, err := p.verified(ctx, at, nonce, token)
	if err != nil {
		return Person{}, err
	}
	who, err := p.person(c, c.text("sub"))
	if err == nil && at.userInfo != "" && (who.Email == "" || who.Checked == Unknown || who.Name == "") {
		who, err = p.completed(ctx, at, who, token.AccessToken)
	}
	if who.Checked == Unknown {
		who.Checked = Unverified // there is a claim for it, and some providers leave out what is false
	}
	return who, err
}

// completed adds what the userinfo endpoint says.
func (p *Provider) completed(ctx context.Context, at endpoints, who Person, accessToken string) (Person, error) {
	info, err := p.userInfo(ctx, at.userInfo, accessToken)
	if err != nil {
		return Person{}, err
	}
	if info.text("sub") != who.Subject {
		return Person{}, untrusted(errors.New("the userinfo endpoint answered about somebody else"))
	}
	more, err := p.person(info, who.Subject)
	if err != nil {
		return Person{}, err
	}
	// An address and whether it is verified are taken from one place: the one
	// answer says nothing about the address in the other.
	if more.Email != "" && (who.Email == "" || who.Checked == Unknown) {
		who.Email, who.Checked = more.Email, more.Checked
	}
	if who.Name == "" {
		who.Name = more.Name
	}
	return who, nil
}

// verified returns the claims of the id_token after every check that OpenID
// Connect asks for: signature, issuer, audience, time, nonce, and the access
// token that came with it.
func (p *Provider) verified(ctx context.Context, at endpoints, nonce string, token *oauth2.Token) (claims, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, untrusted(errors.New("there is no id_token in the answer"))
	}
	id, err := at.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, untrusted(errors.New(Clip(err.Error(), 300)))
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return nil, untrusted(errors.New("the id_token is for another login: its nonce differs"))
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, untrusted(errors.New(Clip(err.Error(), 300)))
		}
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		return nil, untrusted(errors.New(Clip(err.Error(), 300)))
	}
	if azp := c.text("azp"); azp != p.cfg.ClientID && (azp != "" || len(id.Audience) > 1) {
		return nil, untrusted(fmt.Errorf("the id_token is for %q", Clip(azp, 100)))
	}
	return c, nil
}

// plainPerson asks who an access token belongs to.
func (p *Provider) plainPerson(ctx context.Context, accessToken string) (Person, error) {
	info, err := p.userInfo(ctx, p.cfg.UserInfoURL, accessToken)
	if err != nil {
		return Person{}, err
	}
	who, err := p.person(info, info.text(p.cfg.Claims.Subject, "sub", "id"))
	if err != nil || !p.cfg.GitHub {
		return who, err
	}
	// The address in the profile is what the person likes to show. Only this
	// list says which are verified.
	who.Email, err = p.gitHubEmail(ctx, accessToken)
	who.Checked = Verified
	return who, err
}

func (p *Provider) person(c claims, subject string) (Person, error) {
	if subject == "" || len(subject) > maxSubject {
		return Person{}, untrusted(errors.New("the provider tells no usable id of the person"))
	}
	m := p.cfg.Claims
	who := Person{
		Subject: subject,
		Email:   c.text(m.Email, "email"),
		Name:    c.text(m.Name, "name", "preferred_username", "login"),
	}
	switch {
	case m.EmailVerified != "":
		who.Checked = c.verification(m.EmailVerified)
	case m.Email == "" || m.Email == "email":
		who.Checked = c.verification("email_verified")
	}
	if who.Checked == Unknown && p.cfg.TrustEmail {
		who.Checked = Verified
	}
	return who, nil
}
