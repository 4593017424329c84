package kubernetes

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// folded is text on several lines as YAML folds it: the lines are joined by
// spaces.
func folded(s string) string { return s[:30] + " " + s[30:60] + "  " + s[60:] + " " }

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// utf16LE is what a redirection in older PowerShells writes.
func utf16LE(s string) string {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return string(out)
}

func der(s string) string {
	block, _ := pem.Decode([]byte(s))
	return string(block.Bytes)
}

// What people paste in place of a plain PEM file, and what they are told when
// it cannot be used. The same is tried in each field.
func TestPastedPEM(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	_, otherKey := selfSigned(t)
	indented := func(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }
	broken := strings.Replace(cert, "\nMII", "\nM!I", 1)
	for name, tc := range map[string]struct {
		cert, key string // "" stands for the good one
		wrong     string // the field that is named: "cert", "key" or "" for neither
		text      string
	}{
		"byte order mark":            {cert: "\ufeff" + cert, key: "\ufeff" + key},
		"byte order mark, base64":    {cert: b64("\ufeff" + cert), key: b64("\ufeff" + key)},
		"UTF-16":                     {cert: b64(utf16LE(cert)), key: b64(utf16LE(key))},
		"Windows line ends":          {cert: crlf(cert), key: crlf(key)},
		"Windows line ends, base64":  {cert: b64(crlf(cert)), key: b64(b64(crlf(key)))},
		"trailing spaces":            {cert: strings.ReplaceAll(cert, "\n", "  \n"), key: key + " \n\n"},
		"folded base64":              {cert: folded(b64(cert)), key: folded(b64(key))},
		"base64 of the URL alphabet": {cert: base64.RawURLEncoding.EncodeToString([]byte(cert))},
		"data URL":                   {cert: "data:application/x-pem-file;base64," + b64(cert)},
		"quotes":                     {cert: `"` + b64(cert) + `"`, key: "'" + b64(key) + "'"},
		"escaped line breaks":        {cert: strings.ReplaceAll(cert, "\n", `\n`), key: `"` + strings.ReplaceAll(key, "\n", `\r\n`) + `"`},
		"PEM on one line":            {cert: strings.ReplaceAll(cert, "\n", " "), key: strings.ReplaceAll(key, "\n", " ")},
		"indented PEM":               {cert: indented(cert), key: indented(key)},
		"text around PEM":            {cert: "subject=CN = test\n" + cert + "---\n"},
		"key beside the certificate": {cert: cert + key, key: cert + key},
		"damaged base64":             {cert: b64(cert)[:20] + "%" + b64(cert)[20:], wrong: "cert", text: `the character '%' is not base64`},
		"base64 that is cut off":     {cert: b64("x" + cert)[:41], wrong: "cert", text: "the base64 is cut off"},
		"base64 of PEM cut off":      {key: b64(key)[:80], wrong: "key", text: "a line -----END is missing"},
		"PEM cut off":                {cert: cert[:200], wrong: "cert", text: "a line -----END is missing"},
		"second certificate cut off": {cert: cert + cert[:200], wrong: "cert", text: "a line -----END is missing"},
		"damaged PEM":                {cert: broken, wrong: "cert", text: "between BEGIN and END is damaged"},
		"something else in base64":   {cert: b64("hello"), wrong: "cert", text: "what it encodes is neither"},
		"DER":                        {cert: b64(der(cert)), wrong: "cert", text: "convert it with openssl"},
		"DER key":                    {key: b64(der(key)), wrong: "key", text: "convert it with openssl"},
		"swapped":                    {cert: key, key: cert, wrong: "cert", text: "swapped"},
		"certificate twice":          {key: cert, wrong: "key", text: "swapped"},
		"key of another certificate": {key: otherKey, wrong: "key", text: "belongs to another"},
		"unreadable certificate":     {cert: block("CERTIFICATE"), wrong: "cert", text: "cannot be read"},
		"unreadable key":             {key: block("PRIVATE KEY"), wrong: "key", text: "cannot be read"},
		"certificate request":        {cert: block("CERTIFICATE REQUEST"), wrong: "cert", text: "not a certificate request"},
		"encrypted key":              {key: block("ENCRYPTED PRIVATE KEY"), wrong: "key", text: "without a passphrase"},
		"key encrypted the old way":  {key: strings.Replace(block("RSA PRIVATE KEY"), "-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1), wrong: "key", text: "without a passphrase"},
		"key of OpenSSH":             {key: block("OPENSSH PRIVATE KEY"), wrong: "key", text: "OpenSSH"},
		"public key":                 {key: block("PUBLIC KEY"), wrong: "key", text: "not a public key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.cert, tc.key = or(tc.cert, cert), or(tc.key, key)
			form := map[string]string{"cert": "clientCertData", "key": "clientKeyData"}
			a, err := Config{Server: server, AuthType: AuthCertificate, ClientCert: tc.cert, ClientKey: tc.key}.resolve()
			requireBad(t, err, form[tc.wrong], tc.text)
			if tc.wrong == "" {
				_, err := tls.X509KeyPair(a.certPEM, a.keyPEM)
				require.NoError(t, err)
			}
			_, err = Config{Server: server, AuthType: AuthToken, Token: "abc", CAData: tc.cert}.resolve()
			if tc.wrong != "key" {
				requireBad(t, err, map[string]string{"cert": "caData"}[tc.wrong], tc.text)
			}
		})
	}
}

// block is PEM of a type whose content is none.
func block(typ string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: []byte("no such thing")}))
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// The text of a kubeconfig's errors names the field, by its path in the file.
func TestKubeconfigNamesTheField(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	const head = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
	file := func(cluster, user string) string {
		return head + "clusters:\n- name: other\n  cluster: {server: 'https://o:1', certificate-authority-data: '%'}\n- name: c\n  cluster:\n    server: https://h:1\n" +
			cluster + "users:\n- name: other\n  user: {client-key-data: '%'}\n- name: u\n  user:\n" + user
	}
	const ca, login = "    certificate-authority-data: ", "    token: abc\n"
	lines := func(s string) string { return "\n      " + s[:40] + "\n      " + s[40:80] + "\n      " + s[80:] + "\n" }
	pair := func(cert, key string) string {
		return "    client-certificate-data: " + cert + "\n    client-key-data: " + key + "\n"
	}
	for name, tc := range map[string]struct{ file, text string }{
		"damage in entries that are not used": {file("", login), ""},
		"folded base64":                       {file(ca+">"+lines(b64(cert)), login), ""},
		"base64 in a literal block":           {file(ca+"|"+lines(b64(cert)), login), ""},
		"base64 on several plain lines":       {file(ca+lines(b64(cert)), login), ""},
		"PEM in a literal block":              {file(ca+"|\n      "+strings.ReplaceAll(strings.TrimSpace(cert), "\n", "\n      ")+"\n", login), ""},
		"folded PEM":                          {file(ca+">\n      "+strings.ReplaceAll(strings.TrimSpace(cert), "\n", "\n      ")+"\n", login), ""},
		"CA with a byte order mark":           {file(ca+b64("\ufeff"+crlf(cert))+"\n", login), ""},
		"file with a byte order mark":         {"\ufeff" + file("", login), ""},
		"file with Windows line ends":         {crlf(file(ca+b64(cert)+"\n", pair(b64(cert), b64(key)))), ""},
		"damaged CA":                          {file(ca+"'"+b64(cert)[:40]+"#'\n", login), "clusters[1].cluster.certificate-authority-data must be PEM or base64 of PEM: the character '#'"},
		"CA is a key":                         {file(ca+b64(key)+"\n", login), "clusters[1].cluster.certificate-authority-data must hold a certificate"},
		"CA is a number":                      {file(ca+"12\n", login), "clusters[1].cluster.certificate-authority-data must be PEM"},
		"damaged certificate":                 {file("", pair("'*'", b64(key))), "users[1].user.client-certificate-data must be PEM or base64 of PEM: the character '*'"},
		"damaged key":                         {file("", pair(b64(cert), "'*'")), "users[1].user.client-key-data must be PEM or base64 of PEM: the character '*'"},
		"no key":                              {file("", pair(b64(cert), "")), "users[1].user.client-key-data is required"},
		"swapped":                             {file("", pair(b64(key), b64(cert))), "users[1].user.client-certificate-data must hold a certificate, not a private key"},
		"token of two words":                  {file("", "    token: a b\n"), "users[1].user.token must be one line"},
		"token with its scheme":               {file("", "    token: Bearer abc\n"), "users[1].user.token must be the token alone, without the word Bearer"},
		"token as a Secret shows it":          {file("", "    token: "+b64("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln")+"\n"), "users[1].user.token must be the token itself; this is base64"},
		"token is a list":                     {file("", "    token: [a]\n"), "users.user.token has a value of the wrong type"},
		"base64 of a kubeconfig":              {b64(file("", login)), "this is base64 of one"},
		"another kind":                        {"kind: Deployment\n", "not a Deployment"},
		"a tab":                               {file("", login) + "\tx: 1\n", "line 17 is not YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			field := "kubeconfig"
			if tc.text == "" {
				field = ""
			}
			requireBad(t, Config{AuthType: AuthKubeconfig, Kubeconfig: tc.file}.Check(), field, tc.text)
		})
	}
}
