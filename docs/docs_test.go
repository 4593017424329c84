package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/docs"
	"github.com/kubeorch/core/routes"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(docs.OpenAPI)
	require.NoError(t, err)
	return doc
}

func TestOpenAPIIsValid(t *testing.T) {
	t.Parallel()
	require.NoError(t, load(t).Validate(t.Context()))
}

var parameter = regexp.MustCompile(`:([A-Za-z]+)`)

// Every route is described, with the access it has, and nothing else is.
func TestOpenAPIDescribesTheTable(t *testing.T) {
	t.Parallel()
	doc := load(t)
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	for _, r := range routes.Table(routes.Handlers{}) {
		path := parameter.ReplaceAllString(r.Path, "{$1}")
		delete(described, r.Method+" "+path)
		item := doc.Paths.Value(path)
		require.NotNil(t, item, "docs/openapi.yaml lacks %s", path)
		op := item.GetOperation(r.Method)
		require.NotNil(t, op, "docs/openapi.yaml lacks %s %s", r.Method, path)
		require.NotEmpty(t, op.Summary, "%s %s", r.Method, path)
		public := op.Security != nil && len(*op.Security) == 0
		require.Equal(t, r.Access == routes.Public, public, "access of %s %s", r.Method, path)
		require.Equal(t, r.Access == routes.Admin, strings.Contains(op.Summary, "(admin)"), "%s %s", r.Method, path)
	}
	require.Empty(t, described, "described, but not served")
}
