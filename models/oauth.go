package models

// OAuthStart is the first half of a login through a provider.
type OAuthStart struct {
	URL     string // where to send the browser
	State   string // the provider returns it with the browser
	Browser Secret // a cookie of that browser; proves that it began the login
}

// OAuthReturn is the request with which a browser returns from a provider. Every
// field is untrusted.
type OAuthReturn struct {
	Provider string // from the path
	State    string
	Browser  Secret // the cookie for State, if the browser has one
	Code     Secret
	Issuer   string

	Error            string // why there is no code
	ErrorDescription string
}

// OAuthState is stored while a login is in progress.
type OAuthState struct {
	Provider string `bson:"provider"`
	Browser  string `bson:"browser"` // hash of OAuthStart.Browser
}

// OAuthGrant is stored for a code of POST /auth/oauth/exchange.
type OAuthGrant struct {
	UserID   string `bson:"user_id"`
	Epoch    int64  `bson:"epoch"` // the account's SessionEpoch at the login
	Provider string `bson:"provider"`
}

// OAuthExchange is the body of POST /auth/oauth/exchange.
type OAuthExchange struct {
	Code Secret `json:"code"`
}
