package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"golang.org/x/oauth2"
)

// maxSubject is the longest subject that OpenID Connect allows, in bytes.
const maxSubject = 255

// Verification tells whether a provider has verified an e-mail address.
type Verification uint8

// The values. Unknown is for plain OAuth2 providers that do not tell; an OpenID
// provider that does not tell has not verified the address.
const (
	Unknown Verification = iota
	Verified
	Unverified
)

// Person is who has logged in. The texts are as the provider has sent them.
type Person struct {
	Subject string // identifies the person at the provider; never empty
	Email   string // may be empty
	Name    string // may be empty
	Checked Verification
}

// openIDPerson reads the id_token, and the userinfo endpoint if the token lacks the
// name, the e-mail address or its verification.
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
		who.Checked = Unverified // some providers leave out a claim that is false
	}
	return who, err
}

// completed returns who with missing parts from the userinfo endpoint.
func (p *Provider) completed(ctx context.Context, at endpoints, who Person, accessToken string) (Person, error) {
	info, err := p.userInfo(ctx, at.userInfo, accessToken)
	if err != nil {
		return Person{}, err
	}
	if info.text("sub") != who.Subject {
		return Person{}, untrusted(errors.New("the userinfo endpoint answered about another person"))
	}
	more, err := p.person(info, who.Subject)
	if err != nil {
		return Person{}, err
	}
	// The address and its verification must have the same source: the
	// verification is of the address beside it.
	if more.Email != "" && (who.Email == "" || who.Checked == Unknown) {
		who.Email, who.Checked = more.Email, more.Checked
	}
	if who.Name == "" {
		who.Name = more.Name
	}
	return who, nil
}

// verified returns the claims of the id_token after the checks that OpenID Connect
// requires: signature, issuer, audience, times, nonce, and the hash of the access
// token.
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

// plainPerson reads the person from the userinfo endpoint of a plain OAuth2
// provider.
func (p *Provider) plainPerson(ctx context.Context, accessToken string) (Person, error) {
	info, err := p.userInfo(ctx, p.cfg.UserInfoURL, accessToken)
	if err != nil {
		return Person{}, err
	}
	who, err := p.person(info, info.text(p.cfg.Claims.Subject, "sub", "id"))
	if err != nil || !p.cfg.GitHub {
		return who, err
	}
	// The profile holds the address that the person shows, verified or not. Only
	// the list of addresses tells which are verified.
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
