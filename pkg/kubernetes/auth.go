package kubernetes

import (
	"bytes"
	"strings"
)

const userAgent = "kubeorch"

// login checks the credentials that c.AuthType asks for. A missing credential is
// an error: the identity of this process is never used in its place.
func (c Config) login() (access, error) {
	if c.AuthType == AuthKubeconfig {
		return c.fromKubeconfig()
	}
	a := access{server: c.Server, insecure: c.Insecure}
	var err error
	if a.caPEM, err = decodeCA(fieldPath{field: "caData"}, c.CAData); err != nil {
		return access{}, err
	}
	switch c.AuthType {
	case AuthToken, AuthServiceAccount:
		a.token, err = checkBearer(fieldPath{field: "token"}, c.Token)
	case AuthCertificate:
		a.certPEM, a.keyPEM, err = decodePair(
			fieldPath{field: "clientCertData"}, c.ClientCert, fieldPath{field: "clientKeyData"}, c.ClientKey)
	case AuthOIDC:
		a.oidc, err = c.oidc(a.caPEM)
	default:
		err = badConfig("authType", "must be one of token, serviceaccount, certificate, kubeconfig, oidc")
	}
	if err != nil {
		return access{}, err
	}
	return a, nil
}

// checkBearer checks a token for the API server.
func checkBearer(at fieldPath, token string) (string, error) {
	token = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(token), "\ufeff"))
	bare := strings.Trim(token, `"'`)
	if scheme, _, ok := strings.Cut(bare, " "); ok && strings.EqualFold(scheme, "bearer") {
		return "", at.bad("must be the token alone, without the word Bearer")
	}
	if bare != token {
		return "", at.bad("must be the token alone, without quotes")
	}
	// Secrets show tokens in base64.
	if text, err := decodeBase64([]byte(token)); err == nil && bytes.HasPrefix(text, []byte("eyJ")) && bytes.Count(text, []byte(".")) == 2 {
		return "", at.bad("must be the token itself; this is base64 of one, as kubectl get secret shows it")
	}
	return checkToken(at, token)
}

func checkToken(at fieldPath, token string) (string, error) {
	token = strings.TrimSpace(token)
	if token == "" {
		return "", at.bad("is required")
	}
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return "", at.bad("must be one line without spaces or special characters")
		}
	}
	return token, nil
}
