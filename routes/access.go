package routes

import "fmt"

// Access is the least a caller must be. The zero value is not a level, so a
// row that forgot to say is caught before the server starts.
type Access uint8

// The levels, each of which includes those before it. Whose object it is, is
// the services' business: a foreign one is not found.
const (
	Public  Access = iota + 1
	Expired        // a token whose session lasts, though it may have expired itself
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
