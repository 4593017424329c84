package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// authority signs the certificates of one cluster.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// leaf describes a certificate that the authority issues.
type leaf struct {
	file   string // path without .crt and .key
	user   string // common name: the user whom Kubernetes sees
	group  string // organisation: the group whom Kubernetes sees; may be empty
	server bool   // also for serving on loopback
	host   string // a further name to serve under; may be empty
}

const certLifetime = 10 * 365 * 24 * time.Hour

// makeCertificates creates the files that h lacks: the authority, a certificate for
// each component and for the administrator, and the key that signs the tokens of
// service accounts. Valid ones are kept, and with them kubeconfigs and tokens.
func makeCertificates(h home) error {
	ca, err := openAuthority(h.path("ca.crt"), h.pki("ca.key"))
	if err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	leaves := []leaf{
		{file: h.path("client"), user: "devcluster-admin", group: "system:masters"},
		{file: h.pki("server"), user: "devcluster-server", server: true},
		{file: h.pki("apiserver-client"), user: "kube-apiserver"},
		{file: h.pki("kube-controller-manager"), user: "system:kube-controller-manager"},
		{file: h.pki("kube-scheduler"), user: "system:kube-scheduler"},
		{file: h.pki("kwok"), user: "kwok", group: "system:masters"},
		{file: h.pki("front-proxy"), user: frontProxyUser},
		{file: h.pki("metrics"), user: "devcluster-metrics", server: true, host: metricsHost},
	}
	for _, l := range leaves {
		if err := ca.ensure(l); err != nil {
			return fmt.Errorf("certificate %s: %w", l.file, err)
		}
	}
	return ensureSigningKey(h.pki("service-accounts.key"))
}

func openAuthority(certFile, keyFile string) (*authority, error) {
	if pair, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil && goodFor(pair.Leaf) {
		return &authority{cert: pair.Leaf, key: pair.PrivateKey.(crypto.Signer)}, nil
	}
	template, err := template("devcluster")
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	self := &authority{cert: template, key: key}
	if err := self.issue(template, key, certFile, keyFile); err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	return &authority{cert: pair.Leaf, key: key}, nil
}

// ensure issues l unless there is a valid one of this authority.
func (a *authority) ensure(l leaf) error {
	certFile, keyFile := l.file+".crt", l.file+".key"
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil && goodFor(pair.Leaf) && pair.Leaf.CheckSignatureFrom(a.cert) == nil {
		return nil
	}
	template, err := template(l.user)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if l.group != "" {
		template.Subject.Organization = []string{l.group}
	}
	if l.server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		template.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.ParseIP(firstServiceIP)}
		if l.host != "" {
			template.DNSNames = append(template.DNSNames, l.host)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return a.issue(template, key, certFile, keyFile)
}

// issue signs template for key and writes both, the key first: ensure takes a
// certificate for a finished pair.
func (a *authority) issue(template *x509.Certificate, key *ecdsa.PrivateKey, certFile, keyFile string) error {
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writePrivate(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})),
		writePrivate(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
	)
}

func template(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certLifetime),
	}, nil
}

// goodFor reports whether cert is valid for another month.
func goodFor(cert *x509.Certificate) bool {
	return cert != nil && time.Now().AddDate(0, 1, 0).Before(cert.NotAfter)
}

func ensureSigningKey(file string) error {
	if data, err := os.ReadFile(file); err == nil {
		if block, _ := pem.Decode(data); block != nil {
			return nil
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePrivate(file, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}
