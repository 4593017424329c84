package account

import (
	"testing"

	"go.uber.org/goleak"
)

// Users of the tests.
const (
	ann = "aaaaaaaaaaaaaaaaaaaaaaaa"
	bob = "bbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
