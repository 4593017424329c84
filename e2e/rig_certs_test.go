package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// authority signs certificates of servers and clients.
type authority struct {
	pair tls.Certificate
	pem  string
}

// leaf says what is special about a certificate.
type leaf struct {
	name, group string // of a client
	host        string // of a server; empty: 127.0.0.1
	until       time.Duration
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}, pemOf("CERTIFICATE", der)}
}

// authorityOf is the one whose client certificates a cluster accepts.
func authorityOf(t *testing.T, c *kubetest.Cluster) *authority {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(c.Dir(), "ca.crt"), filepath.Join(c.Dir(), "pki", "ca.key"))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(c.Dir(), "ca.crt"))
	require.NoError(t, err)
	return &authority{pair, string(text)}
}

// sign returns a certificate and its key, in PEM.
func (a *authority) sign(t *testing.T, l leaf) (certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	if l.until == 0 {
		l.until = time.Hour
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: l.name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(l.until),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if l.group != "" {
		tmpl.Subject.Organization = []string{l.group}
	}
	if l.host != "" {
		tmpl.DNSNames = []string{l.host}
	} else {
		tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.pair.Leaf, key.Public(), a.pair.PrivateKey.(crypto.Signer))
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", keyDER)
}

func (a *authority) serving(t *testing.T, l leaf) tls.Certificate {
	t.Helper()
	cert, key := a.sign(t, l)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	require.NoError(t, err)
	return pair
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
