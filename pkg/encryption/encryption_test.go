package encryption

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

const place = "clusters/1/credentials"

func TestSealedValueOpensOnlyInItsPlace(t *testing.T) {
	t.Parallel()
	box, err := NewBox("a secret")
	require.NoError(t, err)
	sealed, err := box.Seal([]byte("hunter2"), place)
	require.NoError(t, err)
	require.False(t, bytes.Contains(sealed, []byte("hunter2")))

	plain, err := box.Open(sealed, place)
	require.NoError(t, err)
	require.Equal(t, "hunter2", string(plain))

	_, err = box.Open(sealed, "clusters/2/credentials")
	require.ErrorIs(t, err, ErrTampered)
}

func TestEveryByteIsProtected(t *testing.T) {
	t.Parallel()
	box, err := NewBox("a secret")
	require.NoError(t, err)
	sealed, err := box.Seal([]byte("x"), place)
	require.NoError(t, err)
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		_, err := box.Open(bad, place)
		require.Error(t, err, "byte %d", i)
	}
	for n := range sealed {
		_, err := box.Open(sealed[:n], place)
		require.Error(t, err, "first %d bytes", n)
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	old, err := NewBox("old")
	require.NoError(t, err)
	sealed, err := old.Seal([]byte("v"), place)
	require.NoError(t, err)

	both, err := NewBox("new", "old")
	require.NoError(t, err)
	plain, err := both.Open(sealed, place)
	require.NoError(t, err)
	require.Equal(t, "v", string(plain))
	require.False(t, both.Current(sealed))

	again, err := both.Seal(plain, place)
	require.NoError(t, err)
	require.True(t, both.Current(again))
	_, err = old.Open(again, place)
	require.ErrorIs(t, err, ErrUnknownKey)
}

func TestSealingTwiceDiffers(t *testing.T) {
	t.Parallel()
	box, err := NewBox("k")
	require.NoError(t, err)
	a, err := box.Seal(nil, place)
	require.NoError(t, err)
	b, err := box.Seal(nil, place)
	require.NoError(t, err)
	require.NotEqual(t, a, b)
	plain, err := box.Open(a, place)
	require.NoError(t, err)
	require.Empty(t, plain)
}

func TestEmptySecretsAreRefused(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]string{"primary": {""}, "older": {"k", ""}} {
		_, err := NewBox(keys[0], keys[1:]...)
		require.ErrorContains(t, err, "is empty", name)
	}
}

func TestKeyIDs(t *testing.T) {
	t.Parallel()
	old, err := NewBox("old")
	require.NoError(t, err)
	box, err := NewBox("new", "old", "new", "older")
	require.NoError(t, err)
	ids := box.Keys()
	require.Len(t, ids, 3, "a key counts once")
	require.Equal(t, old.Keys()[0], ids[1], "an id is the same in every box")
	require.Regexp(t, "^[0-9a-f]{16}$", ids[0])

	sealed, err := box.Seal([]byte("v"), place)
	require.NoError(t, err)
	require.Equal(t, ids[0], KeyOf(sealed))
	require.Empty(t, KeyOf(nil))
	require.Empty(t, KeyOf([]byte("not a sealed value")))
}
