package embedded_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocumentNamesTestsThatExist holds docs/embedded-store.md: each test that it
// names exists, and each row of its tables names one.
func TestDocumentNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "embedded-store.md"))
	require.NoError(t, err)
	var code strings.Builder
	for _, dir := range []string{"database", "repositories"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			code.Write(source)
			return err
		}))
	}
	name := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z]+)`")
	for line := range strings.Lines(string(text)) {
		found := name.FindAllStringSubmatch(line, -1)
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| ---") && !strings.HasPrefix(line, "| what ") {
			require.NotEmpty(t, found, "no test holds %s", line)
		}
		for _, m := range found {
			require.Contains(t, code.String(), "\nfunc "+m[1]+"(", "a test of the document")
		}
	}
}
