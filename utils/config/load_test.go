package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(key string) string { return m[key] }
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

const secret = "0123456789abcdef0123456789abcdef"

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := Load("", env())
	require.NoError(t, err)
	require.Equal(t, 3000, cfg.Port)
	require.Equal(t, 48*time.Hour, cfg.TokenTTL)
	require.Equal(t, 7*24*time.Hour, cfg.TokenRefreshMaxAge())
	require.Equal(t, 12, cfg.PasswordCost)
	require.True(t, cfg.Auth.Builtin.Enabled)
	require.Equal(t, []string{"http://localhost:3001"}, cfg.CORSOrigins)
	require.Equal(t, Egress{Loopback: true, Private: true}, cfg.Egress())
}

func TestOrder(t *testing.T) {
	t.Parallel()
	path := file(t, "PORT: 4000\nlog_level: warn\nAUTH:\n  BUILTIN:\n    SIGNUP_ENABLED: false\nCORS_ALLOWED_ORIGINS: [http://a.example, http://b.example]\n")
	cfg, err := Load(path, env("LOG_LEVEL", "error", "AUTH_BUILTIN_ALLOWED_DOMAINS", "A.example, @b.example"))
	require.NoError(t, err)
	require.Equal(t, 4000, cfg.Port, "the file wins over the default")
	require.Equal(t, "error", cfg.LogLevel, "the environment wins over the file")
	require.False(t, cfg.Auth.Builtin.SignupEnabled)
	require.True(t, cfg.Auth.Builtin.Enabled)
	require.Equal(t, []string{"a.example", "b.example"}, cfg.Auth.Builtin.AllowedDomains)
	require.Equal(t, []string{"http://a.example", "http://b.example"}, cfg.CORSOrigins)

	cfg, err = Load("", env("CONFIG_FILE", path, "PORT", "1", "KUBEORCH_PORT", "2"))
	require.NoError(t, err)
	require.Equal(t, 2, cfg.Port, "the prefix wins")
	require.Equal(t, "warn", cfg.LogLevel, "CONFIG_FILE names the file")

	cfg, err = Load(file(t, "PORT:\nAUTH:\nTOKEN_TTL:\nCORS_ALLOWED_ORIGINS: []\n"), env("PORT", ""))
	require.NoError(t, err)
	require.Equal(t, 3000, cfg.Port, "a key without a value has its default")
	require.Equal(t, 48*time.Hour, cfg.TokenTTL)
	require.True(t, cfg.Auth.Builtin.Enabled)
	require.Empty(t, cfg.CORSOrigins, "an empty list is a value")

	cfg, err = Load("", env("ENCRYPTION_OLD_KEYS", " a secret of 32 characters with spaces, "+secret+",,"))
	require.NoError(t, err)
	require.Equal(t, []string{"a secret of 32 characters with spaces", secret}, cfg.EncryptionOldKeys)

	cfg, err = Load("", env("KUBEORCH_PORT", "tcp://10.96.0.7:3000"))
	require.NoError(t, err)
	require.Equal(t, 3000, cfg.Port, "Kubernetes announces a service named kubeorch like this")
}

// Every key can be set by the environment: an invalid value is a fault of that key,
// except for free texts.
func TestEveryKeyByEnvironment(t *testing.T) {
	t.Parallel()
	free := []string{"HOST", "DATA_DIR", "TEMPLATES_DIR", "PLUGINS_DIR", "AUTH.BUILTIN.ALLOWED_DOMAINS"}
	for _, prefix := range []string{"", "KUBEORCH_"} {
		for _, s := range keys() {
			name := prefix + strings.ReplaceAll(s.key, ".", "_")
			_, err := Load("", env(name, "§ /"))
			if slices.Contains(free, s.key) {
				require.NoError(t, err, name)
				continue
			}
			require.ErrorContains(t, err, s.key, name)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		env  []string
		want []string
	}{
		"several at once": {
			env:  []string{"PORT", "70000", "LOG_LEVEL", "loud", "TOKEN_TTL", "48"},
			want: []string{"PORT: must be a whole number from 0 to 65535", "LOG_LEVEL: must be one of", "TOKEN_TTL: must be a duration"},
		},
		"a misspelt key":          {file: "PROT: 1\nAUTH:\n  BUILDIN:\n    ENABLED: true\n", want: []string{"has invalid keys: prot", "AUTH has invalid keys: buildin"}},
		"a key given twice":       {file: "PORT: 1\nPORT: 2\n", want: []string{"already defined"}},
		"not YAML":                {file: "PORT: [", want: []string{"file "}},
		"a tree for a value":      {file: "PORT: {a: 1}\n", want: []string{"PORT"}},
		"no way to log in":        {env: []string{"AUTH_BUILTIN_ENABLED", "false"}, want: []string{"AUTH.BUILTIN.ENABLED: must be true"}},
		"short secrets":           {env: []string{"JWT_SECRET", "abc", "ENCRYPTION_KEY", "def"}, want: []string{"JWT_SECRET: must have at least 32", "ENCRYPTION_KEY: must have at least 32", "openssl rand -base64 32"}},
		"a short old key":         {env: []string{"ENCRYPTION_OLD_KEYS", secret + ",abc"}, want: []string{"ENCRYPTION_OLD_KEYS[1]: must be former"}},
		"secrets for MongoDB":     {env: []string{"MONGO_URI", "mongodb://x"}, want: []string{"JWT_SECRET: must have", "ENCRYPTION_KEY: must have", "be set with MONGO_URI", "openssl rand -base64 32"}},
		"an unquoted code":        {file: "INVITE_CODE: 012345\n", want: []string{"INVITE_CODE: must be 6 digits, in quotes"}},
		"every origin":            {env: []string{"CORS_ALLOWED_ORIGINS", "*"}, want: []string{"CORS_ALLOWED_ORIGINS[0]: must be origins"}},
		"an unknown provider key": {env: []string{"AUTH_PROVIDERS", `[{"NAME":"a","TYPO":1}]`}, want: []string{"AUTH.PROVIDERS"}},
		"a fraction":              {file: "PORT: 3.5\nTOKEN_TTL: 48\n", want: []string{"PORT: must be a whole number", "TOKEN_TTL: must be a duration"}},
		"a number for text":       {file: "DB_NAME: 12\nCORS_ALLOWED_ORIGINS: [1]\n", want: []string{"DB_NAME: must be", "CORS_ALLOWED_ORIGINS[0]: must be"}},
		"text for a tree":         {file: "AUTH: on\n", want: []string{"AUTH"}},
		"a range that is none":    {env: []string{"EGRESS_ALLOW", "intranet"}, want: []string{"EGRESS_ALLOW"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := ""
			if tc.file != "" {
				path = file(t, tc.file)
			}
			_, err := Load(path, env(tc.env...))
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := Load("/nowhere/config.yaml", env())
	require.ErrorContains(t, err, "/nowhere/config.yaml")
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	cfg, err := Load("", env("JWT_SECRET", secret, "ENCRYPTION_KEY", secret, "MONGO_URI", "mongodb://u:pw@h"))
	require.NoError(t, err)
	require.NotContains(t, cfg.String(), secret)
	require.Equal(t, "[config]", cfg.GoString())
}
