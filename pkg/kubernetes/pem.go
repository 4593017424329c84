package kubernetes

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	certificateBlock = "CERTIFICATE"
	beginMark        = "-----BEGIN "
	endMark          = "-----END "
)

// decodeCA returns the certificates in text as PEM, or nil for an empty text:
// the system's roots apply then.
func decodeCA(at fieldPath, text string) ([]byte, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	blocks, err := decodePEM(at, text)
	if err != nil {
		return nil, err
	}
	return certificates(at, blocks)
}

// decodePair returns a client certificate, with its chain, and its private key
// as PEM.
func decodePair(certAt fieldPath, cert string, keyAt fieldPath, key string) (certPEM, keyPEM []byte, err error) {
	blocks, err := decodePEM(certAt, cert)
	if err != nil {
		return nil, nil, err
	}
	if certPEM, err = certificates(certAt, blocks); err != nil {
		return nil, nil, err
	}
	if blocks, err = decodePEM(keyAt, key); err != nil {
		return nil, nil, err
	}
	if keyPEM, err = privateKey(keyAt, blocks); err != nil {
		return nil, nil, err
	}
	if _, err = tls.X509KeyPair(certPEM, keyPEM); err == nil {
		return certPEM, keyPEM, nil
	}
	if strings.Contains(err.Error(), "does not match") {
		return nil, nil, keyAt.bad("must be the private key that belongs to the certificate; this one belongs to another")
	}
	return nil, nil, keyAt.bad("must be a private key; this one cannot be read")
}

// certificates returns the certificates among blocks as PEM.
func certificates(at fieldPath, blocks []*pem.Block) ([]byte, error) {
	var out []byte
	readable := false
	for _, b := range blocks {
		if b.Type == certificateBlock {
			_, err := x509.ParseCertificate(b.Bytes)
			readable = readable || err == nil
			out = append(out, pem.EncodeToMemory(b)...)
		}
	}
	switch {
	case readable:
		return out, nil
	case out != nil:
		return nil, at.bad("must hold a certificate; this one cannot be read, perhaps it is cut off")
	case strings.HasSuffix(blocks[0].Type, "PRIVATE KEY"):
		return nil, at.bad("must hold a certificate, not a private key: perhaps certificate and key are swapped")
	}
	return nil, at.bad("must hold a certificate, not a " + strings.ToLower(clean(blocks[0].Type)))
}

// privateKey returns the blocks as PEM if a private key is among them.
func privateKey(at fieldPath, blocks []*pem.Block) ([]byte, error) {
	var out []byte
	found := false
	for _, b := range blocks {
		switch {
		case b.Type == "ENCRYPTED PRIVATE KEY", b.Headers["DEK-Info"] != "":
			return nil, at.bad("must be a private key without a passphrase; this one is encrypted")
		case b.Type == "OPENSSH PRIVATE KEY":
			return nil, at.bad("must be the private key of a certificate, not one of OpenSSH")
		}
		found = found || strings.HasSuffix(b.Type, "PRIVATE KEY")
		out = append(out, pem.EncodeToMemory(b)...)
	}
	switch {
	case found:
		return out, nil
	case blocks[0].Type == certificateBlock:
		return nil, at.bad("must hold a private key, not a certificate: perhaps certificate and key are swapped")
	}
	return nil, at.bad("must hold a private key, not a " + strings.ToLower(clean(blocks[0].Type)))
}

// decodePEM returns the blocks of PEM, or of base64 of PEM. People paste base64
// from a kubeconfig into a form that encodes it once more, hence twice. A text
// that differs from PEM only by what editors, terminals and YAML do to it is
// accepted.
func decodePEM(at fieldPath, text string) ([]*pem.Block, error) {
	if strings.TrimSpace(text) == "" {
		return nil, at.bad("is required")
	}
	data := []byte(text)
	for encoded := range 3 {
		if rest, err := asn1.Unmarshal(data, &asn1.RawValue{}); err == nil && len(rest) == 0 && data[0] == 0x30 {
			return nil, at.bad("must be PEM; this is binary (DER or PKCS #12): convert it with openssl")
		}
		data = pastedText(data)
		if bytes.Contains(data, []byte(beginMark)) {
			return blocksOf(at, data)
		}
		next, err := decodeBase64(data)
		if err != nil && encoded > 0 {
			err = errors.New("what it encodes is neither")
		}
		if err != nil {
			return nil, at.bad("must be PEM or base64 of PEM: " + err.Error())
		}
		data = next
	}
	return nil, at.bad("must be PEM or base64 of PEM: what it encodes is neither")
}

// pastedText removes what is around a text that was copied: byte order marks,
// UTF-16, white space, quotes, the head of a data URL, and line breaks that
// JSON has escaped.
func pastedText(data []byte) []byte {
	if text, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), data); err == nil {
		data = text
	}
	data = bytes.Trim(bytes.TrimSpace(data), `"'`)
	if head, rest, ok := bytes.Cut(data, []byte(";base64,")); ok && bytes.HasPrefix(head, []byte("data:")) {
		data = rest
	}
	data = bytes.ReplaceAll(data, []byte(`\r`), nil)
	return bytes.ReplaceAll(data, []byte(`\n`), []byte("\n"))
}

// decodeBase64 decodes any common form of base64: of the standard or the URL
// alphabet, with or without padding, in lines or folded. The error continues a
// sentence and holds one character of the text at most.
func decodeBase64(data []byte) ([]byte, error) {
	packed := strings.TrimRight(strings.Join(strings.Fields(string(data)), ""), "=")
	packed = strings.NewReplacer("-", "+", "_", "/").Replace(packed)
	if i := strings.IndexFunc(packed, notBase64); i >= 0 {
		return nil, fmt.Errorf("the character %q is not base64", []rune(packed[i:])[0])
	}
	out, err := base64.RawStdEncoding.DecodeString(packed)
	if err != nil {
		return nil, errors.New("the base64 is cut off")
	}
	return out, nil
}

func notBase64(r rune) bool {
	return r != '+' && r != '/' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// blocksOf returns all blocks of PEM in data.
func blocksOf(at fieldPath, data []byte) ([]*pem.Block, error) {
	want := bytes.Count(data, []byte(beginMark))
	if bytes.Count(data, []byte(endMark)) < want {
		return nil, at.bad("must be PEM; this is cut off: a line -----END is missing")
	}
	blocks := allBlocks(data)
	if len(blocks) < want {
		blocks = allBlocks(unfolded(data))
	}
	if len(blocks) < want {
		return nil, at.bad("must be PEM; what stands between BEGIN and END is damaged")
	}
	return blocks, nil
}

func allBlocks(data []byte) (blocks []*pem.Block) {
	for {
		b, rest := pem.Decode(data)
		if b == nil {
			return blocks
		}
		blocks, data = append(blocks, b), rest
	}
}

// unfolded puts the lines of PEM back that YAML has folded or an editor has
// indented.
func unfolded(data []byte) []byte {
	block := regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]+)-----([^-:]*)-----END ([A-Z0-9 ]+)-----`)
	var out bytes.Buffer
	for _, m := range block.FindAllSubmatch(data, -1) {
		fmt.Fprintf(&out, "-----BEGIN %s-----\n%s\n-----END %s-----\n", m[1], bytes.Join(bytes.Fields(m[2]), []byte("\n")), m[3])
	}
	return out.Bytes()
}
