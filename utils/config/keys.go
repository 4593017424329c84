package config

// defaults lists every key with its default value. A dot joins the levels of
// the file; in the environment it is an underscore.
func defaults() map[string]any {
	return map[string]any{
		"HOST":           "",
		"PORT":           3000,
		"METRICS_LISTEN": "",
		"GIN_MODE":       "release",
		"LOG_LEVEL":      "info",
		"LOG_FORMAT":     "text",

		"DATA_DIR":       "./data",
		"MONGO_URI":      "",
		"DB_NAME":        "kubeorch",
		"JWT_SECRET":     "",
		"ENCRYPTION_KEY": "",

		"ENCRYPTION_OLD_KEYS": []any{},

		"TOKEN_TTL":                      "48h",
		"TOKEN_REFRESH_MAX_AGE_DAYS":     7,
		"PASSWORD_COST":                  12,
		"INVITE_CODE":                    "",
		"REGENERATE_INVITE_AFTER_SIGNUP": true,
		"AUTH.BUILTIN.ENABLED":           true,
		"AUTH.BUILTIN.SIGNUP_ENABLED":    true,
		"AUTH.BUILTIN.ALLOWED_DOMAINS":   []any{},
		"AUTH.PROVIDERS":                 []any{},

		"BASE_URL":             "http://localhost:3000",
		"FRONTEND_URL":         "http://localhost:3001",
		"CORS_ALLOWED_ORIGINS": "http://localhost:3001",
		"TRUSTED_PROXIES":      "",
		"MAX_BODY_BYTES":       10 << 20,
		"RATE_LIMIT_RPS":       50,
		"RATE_LIMIT_BURST":     100,
		"EGRESS_ALLOW":         "loopback,private",
		"CLUSTER_ALLOW_HTTP":   false,

		"RATE_LIMIT_AUTH_PER_MINUTE": 60,

		"TEMPLATES_DIR":         "",
		"PLUGINS_DIR":           "",
		"CLUSTER_LOG_TTL_HOURS": 24,
		"AUDIT_RETENTION_DAYS":  90,
	}
}
