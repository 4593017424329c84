// Package config reads the server's settings once and checks them.
package config

import (
	"net/netip"
	"time"
)

// Config holds every setting, read and checked. It is not changed after Load.
type Config struct {
	Host          string // empty: all interfaces
	Port          int    // 0: the system picks one
	MetricsListen string // host:port of a listener for /metrics alone; empty: on the main one
	GinMode       string
	LogLevel      string
	LogFormat     string

	DataDir       string
	MongoURI      string `json:"-"` // empty: the embedded store in DataDir
	DBName        string
	JWTSecret     string `json:"-"` // empty only without MongoURI: made on first start
	EncryptionKey string `json:"-"` // as JWTSecret

	EncryptionOldKeys []string `json:"-"` // open what was sealed with them and seal nothing

	TokenTTL                    time.Duration
	TokenRefreshMaxAge          time.Duration // after the login
	PasswordCost                int           // of bcrypt
	InviteCode                  string        `json:"-"` // the first one; empty: made when needed
	RegenerateInviteAfterSignup bool
	Auth                        Auth

	BaseURL        string
	FrontendURL    string
	CORSOrigins    []string
	TrustedProxies []string
	MaxBody        int64 // bytes
	RateLimitRPS   int   // requests of a client; 0: no limit
	RateLimitBurst int
	RateLimitAuth  int // logins of a client in a minute; 0: no limit
	Egress         Egress
	ClusterHTTP    bool // permit http:// servers and issuers of clusters

	TemplatesDir  string        // empty: the templates in the binary
	PluginsDir    string        // empty: the definitions in the binary
	AuditFor      time.Duration // how long the audit trail is kept
	ClusterLogTTL time.Duration // how long the logs of clusters are kept
}

// Auth says how people log in.
type Auth struct {
	BuiltinEnabled bool
	SignupEnabled  bool
	AllowedDomains []string // of e-mail addresses, lower-case; empty: all
	Providers      []Provider
}

// Egress says where cluster servers may be besides public addresses.
type Egress struct {
	Loopback bool
	Private  bool
	Ranges   []netip.Prefix
}

// String hides every value: a configuration holds secrets.
func (Config) String() string { return "[config]" }

// GoString hides every value.
func (Config) GoString() string { return "[config]" }
