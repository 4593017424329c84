package models

// AccountLimits is how much an account may have; 0 is any number.
type AccountLimits struct {
	Workflows   int   `json:"workflows"`
	Versions    int   `json:"versions_per_workflow"`
	APITokens   int   `json:"api_tokens"`
	Clusters    int   `json:"clusters"`
	Streams     int   `json:"streams"` // open at once
	StoredBytes int64 `json:"stored_bytes"`
}

// AccountUsage is how much an account has.
type AccountUsage struct {
	Workflows   int64 `json:"workflows"` // without deleted ones
	APITokens   int64 `json:"api_tokens"`
	StoredBytes int64 `json:"stored_bytes"` // of graphs, versions and runs, those of deleted workflows too
}

// Profile is an account as its owner sees it.
type Profile struct {
	User   UserView      `json:"user"`
	Limits AccountLimits `json:"limits"`
	Usage  AccountUsage  `json:"usage"`
}
