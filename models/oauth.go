package models

// OAuthStart is the first half of a login through a provider.
type OAuthStart struct {
	URL     string // where to send the browser
	State   string // comes back with it
	Browser Secret // to be kept in that browser; proves that it began the login
}

// OAuthReturn is what a browser brings back from a provider. All of it may be
// made up.
type OAuthReturn struct {
	Provider string // of the path
	State    string
	Browser  Secret // what the browser has kept for this state, if anything
	Code     Secret
	Issuer   string

	Error            string // why there is no code
	ErrorDescription string
}

// OAuthState is what is kept of a login that has begun.
type OAuthState struct {
	Provider string `bson:"provider"`
	Browser  string `bson:"browser"` // hash of OAuthStart.Browser
}

// OAuthGrant is what a code of POST /auth/oauth/exchange stands for.
type OAuthGrant struct {
	UserID   string `bson:"user_id"`
	Epoch    int64  `bson:"epoch"` // the account's SessionEpoch at the login
	Provider string `bson:"provider"`
}

// OAuthExchange is the body of POST /auth/oauth/exchange.
type OAuthExchange struct {
	Code Secret `json:"code"`
}
