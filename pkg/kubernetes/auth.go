package kubernetes

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
)

const userAgent = "kubeorch"

// login checks the credentials that c.AuthType asks for. An absent one is
// always an error: nothing ever falls back to an identity of this process.
func (c Config) login() (access, error) {
	if c.AuthType == AuthKubeconfig {
		return c.fromKubeconfig()
	}
	a := access{server: c.Server, insecure: c.Insecure}
	var err error
	if a.caPEM, err = decodeCA("caData", c.CAData); err != nil {
		return access{}, err
	}
	switch c.AuthType {
	case AuthToken, AuthServiceAccount:
		a.token, err = checkToken("token", c.Token)
	case AuthCertificate:
		a.certPEM, a.keyPEM, err = decodePair("clientCertData", c.ClientCert, "clientKeyData", c.ClientKey)
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

func checkToken(field, token string) (string, error) {
	token = strings.TrimSpace(token)
	if token == "" {
		return "", badConfig(field, "is required")
	}
	for _, r := range token {
		if r <= ' ' || r > '~' {
			return "", badConfig(field, "must be one line without spaces or special characters")
		}
	}
	return token, nil
}

func decodeCA(field, text string) ([]byte, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil // the system's roots apply
	}
	data, err := decodePEM(field, text)
	if err != nil {
		return nil, err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		return nil, badConfig(field, "must hold at least one valid certificate")
	}
	return data, nil
}

func decodePair(certField, cert, keyField, key string) (certPEM, keyPEM []byte, err error) {
	if certPEM, err = decodePEM(certField, cert); err != nil {
		return nil, nil, err
	}
	if keyPEM, err = decodePEM(keyField, key); err != nil {
		return nil, nil, err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(certPEM) {
		return nil, nil, badConfig(certField, "must hold a valid certificate")
	}
	if _, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		return nil, nil, badConfig(keyField, "must be an unencrypted private key that belongs to the certificate")
	}
	return certPEM, keyPEM, nil
}

// decodePEM accepts PEM and base64 of PEM. People paste base64 out of a
// kubeconfig into a form that encodes it once more, hence twice.
func decodePEM(field, text string) ([]byte, error) {
	if strings.TrimSpace(text) == "" {
		return nil, badConfig(field, "is required")
	}
	data := []byte(text)
	for range 3 {
		if block, _ := pem.Decode(data); block != nil {
			return data, nil
		}
		packed := strings.TrimRight(strings.Join(strings.Fields(string(data)), ""), "=")
		next, err := base64.RawStdEncoding.DecodeString(packed)
		if err != nil {
			break
		}
		data = next
	}
	return nil, badConfig(field, "must be PEM or base64 of PEM")
}
