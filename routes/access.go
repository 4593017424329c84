package routes

import "fmt"

// Access is the lowest level that a caller needs. The zero value is no level:
// the server does not start with a row that lacks one.
type Access uint8

// The levels, each of which includes those before it. Ownership of objects is
// checked by the services.
const (
	Public  Access = iota + 1
	Expired        // a token that may have expired, of a session that has not
	SignedIn
	Admin
)

// String returns the level as the printed table shows it.
func (a Access) String() string {
	switch a {
	case Public:
		return "public"
	case Expired:
		return "expired"
	case SignedIn:
		return "signed in"
	case Admin:
		return "admin"
	}
	return fmt.Sprintf("invalid access %d", uint8(a))
}
