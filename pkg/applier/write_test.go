package applier

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Clients are asked to write in write.go only, where each function checks the
// owner of what it writes.
func TestWritesAreInOneFile(t *testing.T) {
	t.Parallel()
	verbs := []string{"Create", "Update", "UpdateStatus", "Patch", "Delete", "DeleteCollection", "Apply", "ApplyStatus"}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains(verbs, method.Sel.Name) || path == "try.go" && method.Sel.Name == "Apply" { // of an Applier
				return true
			}
			found++
			if path != "write.go" {
				t.Errorf("%s: %s writes to the cluster; let a function of write.go do it", set.Position(call.Pos()), method.Sel.Name)
			}
			return true
		})
	}
	require.Equal(t, 6, found, "requests in write.go")
}
