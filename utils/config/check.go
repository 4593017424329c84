package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// minSecret is the least length of a secret: 32 random bytes give 44
// characters of base64.
const minSecret = 32

const howToMake = "make one with: openssl rand -base64 32"

// config reads every key. Faults are in r afterwards.
func (r *reader) config() Config {
	cfg := Config{
		Host:          r.text("HOST"),
		Port:          r.number("PORT", 0, 65535),
		MetricsListen: r.listen("METRICS_LISTEN"),
		GinMode:       r.oneOf("GIN_MODE", "release", "debug", "test"),
		LogLevel:      r.oneOf("LOG_LEVEL", "debug", "info", "warn", "error"),
		LogFormat:     r.oneOf("LOG_FORMAT", "text", "json"),

		DataDir:  r.text("DATA_DIR"),
		MongoURI: r.mongo("MONGO_URI"),
		DBName:   r.dbName("DB_NAME"),

		TokenTTL:                    r.duration("TOKEN_TTL", time.Minute),
		TokenRefreshMaxAge:          time.Duration(r.number("TOKEN_REFRESH_MAX_AGE_DAYS", 1, 365)) * 24 * time.Hour,
		PasswordCost:                r.number("PASSWORD_COST", 10, 16),
		InviteCode:                  r.inviteCode("INVITE_CODE"),
		RegenerateInviteAfterSignup: r.truth("REGENERATE_INVITE_AFTER_SIGNUP"),
		Auth:                        r.auth(),

		BaseURL:        r.url("BASE_URL"),
		FrontendURL:    r.url("FRONTEND_URL"),
		CORSOrigins:    r.origins("CORS_ALLOWED_ORIGINS"),
		TrustedProxies: r.proxies("TRUSTED_PROXIES"),
		MaxBody:        int64(r.number("MAX_BODY_BYTES", 1<<10, 1<<30)),
		RateLimitRPS:   r.number("RATE_LIMIT_RPS", 0, 1e6),
		RateLimitBurst: r.number("RATE_LIMIT_BURST", 1, 1e6),
		RateLimitAuth:  r.number("RATE_LIMIT_AUTH_PER_MINUTE", 0, 1e6),
		Egress:         r.egress("EGRESS_ALLOW"),
		ClusterHTTP:    r.truth("CLUSTER_ALLOW_HTTP"),

		TemplatesDir:  r.text("TEMPLATES_DIR"),
		PluginsDir:    r.text("PLUGINS_DIR"),
		AuditFor:      time.Duration(r.number("AUDIT_RETENTION_DAYS", 1, 3650)) * 24 * time.Hour,
		ClusterLogTTL: time.Duration(r.number("CLUSTER_LOG_TTL_HOURS", 1, 8760)) * time.Hour,
	}
	if cfg.DataDir == "" {
		r.faultf("DATA_DIR", "is required")
	}
	shared := cfg.MongoURI != ""
	cfg.JWTSecret = r.secret("JWT_SECRET", shared)
	cfg.EncryptionKey = r.secret("ENCRYPTION_KEY", shared)
	cfg.EncryptionOldKeys = r.oldKeys("ENCRYPTION_OLD_KEYS")
	return cfg
}

// secret checks that a secret is long enough and, where several servers share
// a database and thus the secret, that it is there.
func (r *reader) secret(key string, required bool) string {
	s := r.text(key)
	switch {
	case s == "" && required:
		r.faultf(key, "is required with MONGO_URI, because every server on that database needs the same one; %s", howToMake)
	case s != "" && len(s) < minSecret:
		r.faultf(key, "must have at least %d characters; %s", minSecret, howToMake)
	}
	return s
}

func (r *reader) oldKeys(key string) []string {
	list := r.list(key)
	for _, s := range list {
		if len(s) < minSecret {
			r.faultf(key, "each must have at least %d characters, as ENCRYPTION_KEY", minSecret)
			break
		}
	}
	return list
}

func (r *reader) auth() Auth {
	a := Auth{
		BuiltinEnabled: r.truth("AUTH.BUILTIN.ENABLED"),
		SignupEnabled:  r.truth("AUTH.BUILTIN.SIGNUP_ENABLED"),
		Providers:      r.providers("AUTH.PROVIDERS"),
	}
	for _, d := range r.list("AUTH.BUILTIN.ALLOWED_DOMAINS") {
		a.AllowedDomains = append(a.AllowedDomains, strings.ToLower(strings.TrimPrefix(d, "@")))
	}
	if !a.BuiltinEnabled && !slices.ContainsFunc(a.Providers, func(p Provider) bool { return p.Enabled }) {
		r.faultf("AUTH.BUILTIN.ENABLED", "must be true unless a provider is enabled: there would be no way to log in")
	}
	return a
}

func (r *reader) mongo(key string) string {
	s := r.text(key)
	if s != "" && !strings.HasPrefix(s, "mongodb://") && !strings.HasPrefix(s, "mongodb+srv://") {
		r.faultf(key, "must begin with mongodb:// or mongodb+srv://")
	}
	return s
}

func (r *reader) dbName(key string) string {
	s := r.text(key)
	if s == "" || len(s) > 63 || strings.ContainsAny(s, "/\\. \"$*<>:|?\x00") {
		r.faultf(key, "must be a database name of 1 to 63 characters without spaces, dots and slashes")
	}
	return s
}

func (r *reader) inviteCode(key string) string {
	if _, ok := r.v.Get(key).(string); !ok {
		r.faultf(key, "must be in quotes, so that leading zeros count")
	}
	s := r.text(key)
	if s != "" && !regexp.MustCompile(`^[0-9]{6}$`).MatchString(s) {
		r.faultf(key, "must have 6 digits")
	}
	return s
}

func (r *reader) listen(key string) string {
	s := r.text(key)
	if s == "" {
		return ""
	}
	if _, _, err := net.SplitHostPort(s); err != nil {
		r.faultf(key, "must be an address with a port, such as 127.0.0.1:9090")
	}
	return s
}

func (r *reader) url(key string) string {
	s := strings.TrimRight(r.text(key), "/")
	if !isURL(s) {
		r.faultf(key, "must be a URL with http or https")
	}
	return s
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

func (r *reader) origins(key string) []string {
	list := r.list(key)
	for _, o := range list {
		if !isURL(o) || strings.Count(o, "/") != 2 || strings.ContainsAny(o, "*?#") {
			r.faultf(key, "%q is no origin, such as https://app.example.com", o)
		}
	}
	return list
}

func (r *reader) proxies(key string) []string {
	list := r.list(key)
	for _, p := range list {
		if _, err := netip.ParseAddr(p); err == nil {
			continue
		}
		if _, err := netip.ParsePrefix(p); err != nil {
			r.faultf(key, "%q is no address and no range", p)
		}
	}
	return list
}

func (r *reader) egress(key string) Egress {
	var e Egress
	for _, s := range r.list(key) {
		switch s {
		case "loopback":
			e.Loopback = true
		case "private":
			e.Private = true
		default:
			p, err := netip.ParsePrefix(s)
			if err != nil {
				r.faultf(key, "%q is neither loopback, nor private, nor a range such as 10.0.0.0/8", s)
			}
			e.Ranges = append(e.Ranges, p)
		}
	}
	return e
}
