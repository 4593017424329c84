// Package config reads the server's settings once and checks them.
package config

import (
	"net/netip"
	"time"
)

// Config holds every setting, read and checked. It is not changed after Load.
//
// A field's tags describe its setting. key is the name in the file, where
// levels nest, and in the environment, where underscores join the levels.
// check is the rule of go-playground/validator for the value. A value that
// cannot be read or breaks the rule is reported as "<key>: must <must>".
type Config struct {
	// Host is the address to listen on; empty: all interfaces.
	Host string `key:"HOST" must:"be an address in quotes"`
	// Port is the port to listen on; 0: the system picks one.
	Port int `key:"PORT" default:"3000" check:"min=0,max=65535" must:"be a whole number from 0 to 65535"`
	// MetricsListen is host:port of a listener for /metrics alone; empty: /metrics is on the main one.
	MetricsListen string `key:"METRICS_LISTEN" check:"omitempty,hostport" must:"be an address with a port, such as 127.0.0.1:9090"`
	// GinMode is the mode of Gin.
	GinMode string `key:"GIN_MODE" default:"release" check:"oneof=release debug test" must:"be one of release, debug, test"`
	// LogLevel is the lowest level that is logged.
	LogLevel string `key:"LOG_LEVEL" default:"info" check:"oneof=debug info warn error" must:"be one of debug, info, warn, error"`
	// LogFormat is the form of log lines.
	LogFormat string `key:"LOG_FORMAT" default:"text" check:"oneof=text json" must:"be one of text, json"`

	// DataDir is the directory of the embedded store and of generated secrets.
	DataDir string `key:"DATA_DIR" default:"./data" check:"required" must:"name a directory"`
	// MongoURI is the MongoDB server; empty: the embedded store in DataDir.
	MongoURI string `key:"MONGO_URI" check:"omitempty,startswith=mongodb://|startswith=mongodb+srv://" must:"begin with mongodb:// or mongodb+srv://" json:"-"`
	// DBName is the name of the database.
	DBName string `key:"DB_NAME" default:"kubeorch" check:"dbname" must:"be a database name of 1 to 63 bytes without spaces, dots and slashes"`
	// JWTSecret signs session tokens. It is empty only without MongoURI: then it is generated on first start.
	JWTSecret string `key:"JWT_SECRET" check:"required_with=MongoURI,omitempty,min=32" must:"have at least 32 characters, and be set with MONGO_URI, where every server needs the same one; make one with: openssl rand -base64 32" json:"-"`
	// EncryptionKey encrypts stored credentials. It is empty only without MongoURI, as JWTSecret.
	EncryptionKey string `key:"ENCRYPTION_KEY" check:"required_with=MongoURI,omitempty,min=32" must:"have at least 32 characters, and be set with MONGO_URI, where every server needs the same one; make one with: openssl rand -base64 32" json:"-"`
	// EncryptionOldKeys decrypt what was encrypted with them; nothing is encrypted with them.
	EncryptionOldKeys []string `key:"ENCRYPTION_OLD_KEYS" check:"dive,min=32" must:"be former values of ENCRYPTION_KEY, each of at least 32 characters" json:"-"`

	// TokenTTL is how long a session token is valid.
	TokenTTL time.Duration `key:"TOKEN_TTL" default:"48h" check:"min=1m" must:"be a duration of at least 1m, such as 48h or 30m"`
	// TokenRefreshDays is for how many days after the login a session token can be refreshed.
	TokenRefreshDays int `key:"TOKEN_REFRESH_MAX_AGE_DAYS" default:"7" check:"min=1,max=365" must:"be a whole number from 1 to 365"`
	// PasswordCost is the bcrypt cost of new password hashes.
	PasswordCost int `key:"PASSWORD_COST" default:"12" check:"min=10,max=16" must:"be a whole number from 10 to 16"`
	// InviteCode is the first invite code; empty: one is generated when it is needed.
	InviteCode string `key:"INVITE_CODE" check:"omitempty,len=6,number" must:"be 6 digits, in quotes so that leading zeros count" json:"-"`
	// RegenerateInviteAfterSignup replaces the invite code after every sign-up.
	RegenerateInviteAfterSignup bool `key:"REGENERATE_INVITE_AFTER_SIGNUP" default:"true" must:"be true or false"`
	// Auth says how people log in.
	Auth Auth `key:"AUTH" must:"hold BUILTIN and PROVIDERS"`

	// BaseURL is where browsers reach this server, without a slash at its end.
	BaseURL string `key:"BASE_URL" default:"http://localhost:3000" check:"weburl" must:"be a URL with http or https"`
	// FrontendURL is where browsers reach the frontend, without a slash at its end.
	FrontendURL string `key:"FRONTEND_URL" default:"http://localhost:3001" check:"weburl" must:"be a URL with http or https"`
	// CORSOrigins are the origins of pages that may call this server.
	CORSOrigins []string `key:"CORS_ALLOWED_ORIGINS" default:"http://localhost:3001" check:"dive,origin" must:"be origins, such as https://app.example.com"`
	// TrustedProxies are addresses and ranges of proxies whose X-Forwarded-For counts.
	TrustedProxies []string `key:"TRUSTED_PROXIES" check:"dive,ip|prefix" must:"be addresses or ranges, such as 10.0.0.0/8"`
	// MaxBody is the largest request body in bytes.
	MaxBody int64 `key:"MAX_BODY_BYTES" default:"10485760" check:"min=1024,max=1073741824" must:"be a whole number from 1024 to 1073741824"`
	// BodyMemory is how much memory bodies and what they become may take, in bytes.
	BodyMemory int64 `key:"BODY_MEMORY_BYTES" default:"134217728" check:"min=16777216,max=1099511627776" must:"be a whole number from 16777216 to 1099511627776"`
	// RateLimitRPS is how many requests a client may send in a second; 0: any number.
	RateLimitRPS int `key:"RATE_LIMIT_RPS" default:"50" check:"min=0,max=1000000" must:"be a whole number from 0 to 1000000"`
	// RateLimitBurst is how many requests a client may send at once.
	RateLimitBurst int `key:"RATE_LIMIT_BURST" default:"100" check:"min=1,max=1000000" must:"be a whole number from 1 to 1000000"`
	// RateLimitAuth is how many logins a client may try in a minute; 0: any number.
	RateLimitAuth int `key:"RATE_LIMIT_AUTH_PER_MINUTE" default:"60" check:"min=0,max=1000000" must:"be a whole number from 0 to 1000000"`
	// MaxClusters is how many clusters a user may register; 0: any number.
	MaxClusters int `key:"MAX_CLUSTERS_PER_USER" default:"50" check:"min=0,max=100000" must:"be a whole number from 0 to 100000"`
	// MaxStreams is how many event streams a user may have open; 0: any number.
	MaxStreams int `key:"MAX_STREAMS_PER_USER" default:"100" check:"min=0,max=1000000" must:"be a whole number from 0 to 1000000"`
	// MaxTerminals is how many terminals a user may have open; 0: any number.
	MaxTerminals int `key:"MAX_TERMINALS_PER_USER" default:"20" check:"min=0,max=1000000" must:"be a whole number from 0 to 1000000"`
	// TerminalIdle is after how long without input and output a terminal is closed; 0: never.
	TerminalIdle time.Duration `key:"TERMINAL_IDLE_TIMEOUT" default:"30m" check:"min=0s" must:"be a duration, such as 30m"`
	// TerminalLongest is how long a terminal may be open; 0: as long as its user likes.
	TerminalLongest time.Duration `key:"TERMINAL_MAX_DURATION" default:"8h" check:"min=0s" must:"be a duration, such as 8h"`
	// TerminalDebugImage is the image of debug containers. It has a shell and sleep.
	TerminalDebugImage string `key:"TERMINAL_DEBUG_IMAGE" default:"busybox:stable" check:"image" must:"be the reference of an image, such as busybox:stable"`
	// EgressAllow is what Egress returns, as it is written.
	EgressAllow []string `key:"EGRESS_ALLOW" default:"loopback,private" check:"dive,oneof=loopback private|prefix" must:"be loopback, private, or ranges such as 10.0.0.0/8"`
	// ClusterHTTP permits http:// servers and issuers of clusters.
	ClusterHTTP bool `key:"CLUSTER_ALLOW_HTTP" default:"false" must:"be true or false"`
	// Inventory says whether all objects of all clusters are watched and listed.
	Inventory bool `key:"INVENTORY" default:"true" must:"be true or false"`

	// TemplatesDir holds resource templates; empty: only the built-in ones.
	TemplatesDir string `key:"TEMPLATES_DIR" must:"name a directory in quotes"`
	// PluginsDir holds plugin definitions; empty: only the built-in ones.
	PluginsDir string `key:"PLUGINS_DIR" must:"name a directory in quotes"`
	// AuditDays is for how many days the audit trail is kept.
	AuditDays int `key:"AUDIT_RETENTION_DAYS" default:"90" check:"min=1,max=3650" must:"be a whole number from 1 to 3650"`
	// MaxWorkflows is how many workflows an account can have; 0: any number.
	MaxWorkflows int `key:"MAX_WORKFLOWS_PER_USER" default:"1000" check:"min=0,max=1000000" must:"be a whole number from 0 to 1000000"`
	// MaxVersions is how many versions of a workflow people can take; 0: any number.
	MaxVersions int `key:"MAX_VERSIONS_PER_WORKFLOW" default:"500" check:"min=0,max=1000000" must:"be a whole number from 0 to 1000000"`
	// MaxAPITokens is how many API tokens an account can have; 0: any number.
	MaxAPITokens int `key:"MAX_API_TOKENS_PER_USER" default:"50" check:"min=0,max=100000" must:"be a whole number from 0 to 100000"`
	// MaxStoredBytes is how much the workflows of an account may take; 0: any number.
	MaxStoredBytes int64 `key:"MAX_STORED_BYTES_PER_USER" default:"1073741824" check:"min=0" must:"be a whole number of at least 0"`
	// WorkflowGrace is how long a deleted workflow can be restored.
	WorkflowGrace time.Duration `key:"WORKFLOW_DELETION_GRACE" default:"168h" check:"min=0s" must:"be a duration, such as 168h"`
	// KeepVersions is how many automatic versions of a workflow are kept.
	KeepVersions int `key:"KEEP_AUTOMATIC_VERSIONS" default:"50" check:"min=1,max=100000" must:"be a whole number from 1 to 100000"`
	// KeepRuns is how many runs of a workflow are kept.
	KeepRuns int `key:"KEEP_RUNS" default:"100" check:"min=1,max=100000" must:"be a whole number from 1 to 100000"`
	// VersionDays is how long an automatic version is kept; 0 for any time.
	VersionDays int `key:"KEEP_AUTOMATIC_VERSIONS_DAYS" default:"0" check:"min=0,max=3650" must:"be a whole number from 0 to 3650"`
	// RunDays is how long a run is kept; 0 for any time.
	RunDays int `key:"KEEP_RUNS_DAYS" default:"0" check:"min=0,max=3650" must:"be a whole number from 0 to 3650"`
	// RunLogDays is how long the log of a run is kept; 0 for as long as the run.
	RunLogDays int `key:"KEEP_RUN_LOGS_DAYS" default:"90" check:"min=0,max=3650" must:"be a whole number from 0 to 3650"`
	// ClusterLogHours is for how many hours the logs of clusters are kept.
	ClusterLogHours int `key:"CLUSTER_LOG_TTL_HOURS" default:"24" check:"min=1,max=8760" must:"be a whole number from 1 to 8760"`
}

// Auth says how people log in.
type Auth struct {
	Builtin   Builtin    `key:"BUILTIN" must:"hold ENABLED, SIGNUP_ENABLED and ALLOWED_DOMAINS"`
	Providers []Provider `key:"PROVIDERS" check:"unique=Name,dive" must:"be a list of providers with different names; in the environment as JSON"`
}

// Builtin says who may log in with an e-mail address and a password.
type Builtin struct {
	Enabled       bool `key:"ENABLED" default:"true" must:"be true or false"`
	SignupEnabled bool `key:"SIGNUP_ENABLED" default:"true" must:"be true or false"`
	// AllowedDomains are the lower-case domains of e-mail addresses; empty: all.
	AllowedDomains []string `key:"ALLOWED_DOMAINS" must:"be a list, or text with commas"`
}

// Egress says where cluster servers may be besides public addresses.
type Egress struct {
	Loopback bool
	Private  bool
	Ranges   []netip.Prefix
}

// Egress returns where cluster servers may be besides public addresses.
func (c Config) Egress() (e Egress) {
	for _, s := range c.EgressAllow {
		switch s {
		case "loopback":
			e.Loopback = true
		case "private":
			e.Private = true
		default:
			if p, err := netip.ParsePrefix(s); err == nil { // the check has parsed it before
				e.Ranges = append(e.Ranges, p)
			}
		}
	}
	return e
}

// TokenRefreshMaxAge is how long after the login a session token can be refreshed.
func (c Config) TokenRefreshMaxAge() time.Duration { return days(c.TokenRefreshDays) }

// AuditRetention is how long the audit trail is kept.
func (c Config) AuditRetention() time.Duration { return days(c.AuditDays) }

// ClusterLogTTL is how long the logs of clusters are kept.
func (c Config) ClusterLogTTL() time.Duration { return time.Duration(c.ClusterLogHours) * time.Hour }

// VersionAge is how long an automatic version is kept; 0 for any time.
func (c Config) VersionAge() time.Duration { return days(c.VersionDays) }

// RunAge is how long a run is kept; 0 for any time.
func (c Config) RunAge() time.Duration { return days(c.RunDays) }

// RunLogAge is how long the log of a run is kept; 0 for as long as the run.
func (c Config) RunLogAge() time.Duration { return days(c.RunLogDays) }

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// String hides every value: a configuration holds secrets.
func (Config) String() string { return "[config]" }

// GoString hides every value.
func (Config) GoString() string { return "[config]" }
