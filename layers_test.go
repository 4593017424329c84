package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/kubeorch/core"

// mayImport lists, for each layer, our own layers it may use. The layer of a
// package is the first part of its path. One that is missing here fails the
// test: decide where it stands first.
func mayImport() map[string][]string {
	return map[string][]string{
		"models":       {},
		"utils":        {"utils"},
		"templates":    {},
		"docs":         {},
		"pkg":          {"pkg"},
		"database":     {"database"},
		"repositories": {"models", "database", "repositories"},
		"services":     {"models", "pkg", "utils", "services"},
		"middleware":   {"models", "utils"},
		"handlers":     {"models"},
		"routes":       {"handlers", "middleware", "models"},
		"tools":        {"tools", "database", "handlers", "models", "pkg", "repositories", "services"},
		"app": {
			"database", "docs", "handlers", "models", "pkg", "repositories", "routes", "services", "templates", "utils",
		},
		"main": {"app", "utils"},
		// The tests in e2e start the built binary. They look into the files of a
		// server that has stopped, and make some for one that is to start.
		"e2e": {"database", "models", "pkg", "repositories", "routes"},
	}
}

// servicesMayImport lists, for each package of services, the others it may use.
// One that is missing here fails the test, and so does a new arrow: most of what
// two services share belongs in models or pkg.
func servicesMayImport() map[string][]string {
	return map[string][]string{
		"account":      {},
		"audit":        {},
		"catalogue":    {"kinds"},
		"cluster":      {},
		"diagnostics":  {"findings", "kinds", "plan", "status"},
		"diff":         {}, // pure
		"drift":        {},
		"findings":     {"status"}, // pure
		"inventory":    {"status"}, // pure
		"keys":         {},
		"lease":        {},
		"kinds":        {}, // pure
		"metrics":      {"plan", "status"},
		"notification": {},
		"plan":         {"kinds"}, // pure
		"podlog":       {},
		"relay":        {},
		"resource":     {"inventory", "plan"},
		"run":          {"diff", "kinds", "plan", "status", "warning"},
		"status":       {}, // pure
		"stream":       {},
		"terminal":     {},
		"watcher":      {"kinds", "plan", "status"},
		"warning":      {"plan"}, // pure
		"workflow":     {},

		"servicetest": {}, // for tests
	}
}

// keepOut lists foreign code that must not spread beyond the named layers. The
// tools are programs of their own.
func keepOut() map[string][]string {
	return map[string][]string{
		"github.com/gin-gonic/gin":            {"handlers", "middleware", "routes", "app", "tools"},
		"go.mongodb.org/mongo-driver":         {"database", "repositories", "tools"},
		"go.etcd.io/bbolt":                    {"database", "tools"},
		"k8s.io/client-go":                    {"pkg", "e2e", "tools"},
		"github.com/spf13/viper":              {"utils"},
		"github.com/golang-jwt":               {"services", "pkg", "e2e"},
		"github.com/prometheus/client_golang": {"app", "routes", "middleware", "services", "pkg"},
	}
}

// source is one parsed file.
type source struct {
	path string // "services/plan/order.go"
	set  *token.FileSet
	ast  *ast.File
}

func (s source) layer() string {
	first, _, nested := strings.Cut(s.path, "/")
	if !nested {
		return "main"
	}
	return first
}

// service is the package of services that s belongs to, or "".
func (s source) service() string {
	in, _ := strings.CutPrefix(filepath.ToSlash(filepath.Dir(s.path)), "services/")
	if s.layer() != "services" {
		return ""
	}
	return in
}

func (s source) at(n ast.Node) string { return s.set.Position(n.Pos()).String() }

func (s source) imports() []string {
	var out []string
	for _, i := range s.ast.Imports {
		out = append(out, strings.Trim(i.Path.Value, `"`))
	}
	return out
}

// sources parses the code of this module, without the modules below it. The
// end-to-end tests are code like any other; the other tests are left out.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			hidden := len(d.Name()) > 1 && strings.HasPrefix(d.Name(), ".")
			if hidden || slices.Contains([]string{"testdata", "bin", "data", "devcluster", "lint"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		e2e := strings.HasPrefix(filepath.ToSlash(path), "e2e/")
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") && !e2e {
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		out = append(out, source{filepath.ToSlash(path), set, file})
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, out)
	return out
}

func TestLayers(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		allowed, known := mayImport()[s.layer()]
		if !known {
			t.Errorf("%s: layer %q is unknown; decide in this test where it stands", s.path, s.layer())
			continue
		}
		for _, path := range s.imports() {
			own, ours := strings.CutPrefix(path, module+"/")
			if layer, _, _ := strings.Cut(own, "/"); ours && layer != s.layer() && !slices.Contains(allowed, layer) {
				t.Errorf("%s imports %s: %s must not know %s", s.path, own, s.layer(), layer)
			}
			for foreign, layers := range keepOut() {
				if strings.HasPrefix(path, foreign) && !slices.Contains(layers, s.layer()) {
					t.Errorf("%s imports %s, which belongs in %s only", s.path, path, strings.Join(layers, ", "))
				}
			}
		}
	}
}

func TestArrowsBetweenServices(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.service() == "" {
			continue
		}
		allowed, known := servicesMayImport()[s.service()]
		if !known {
			t.Errorf("%s: the package is unknown; decide in this test what it may use", s.path)
		}
		for _, path := range s.imports() {
			if other, ours := strings.CutPrefix(path, module+"/services/"); ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s: %s must not know it", s.path, path, s.service())
			}
		}
	}
}

// Algorithms take values and return values: what has a context, a clock or a
// client is no algorithm.
func TestPureServices(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if !slices.Contains([]string{"diff", "findings", "inventory", "kinds", "plan", "status", "warning"}, s.service()) {
			continue
		}
		for _, path := range s.imports() {
			if path == "context" || path == "net/http" || path == "os" || strings.HasPrefix(path, "k8s.io/client-go") {
				t.Errorf("%s imports %s: %s holds pure functions", s.path, path, s.service())
			}
		}
	}
}

// What runs at start-up without being called, and work without an owner's
// context, cannot be tested or stopped.
func TestNoHiddenStart(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.layer() == "tools" {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: no init functions; call it from main", s.at(n))
				}
			case *ast.SelectorExpr:
				pkg, ok := n.X.(*ast.Ident)
				background := ok && pkg.Name == "context" && (n.Sel.Name == "Background" || n.Sel.Name == "TODO")
				if background && s.path != "main.go" {
					t.Errorf("%s: only main may make a context; elsewhere use the caller's, or context.WithoutCancel of it", s.at(n))
				}
			}
			return true
		})
	}
}

// Handlers leave error answers to the one place that maps errors to statuses.
func TestErrorStatusesInOnePlace(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.layer() != "handlers" || s.path == "handlers/handle.go" {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			if pkg != nil && pkg.Name == "http" && strings.HasPrefix(sel.Sel.Name, "Status") && errorStatus(sel.Sel.Name) {
				t.Errorf("%s: return an error; handle.go gives it its status", s.at(sel))
			}
			return true
		})
	}
}

func errorStatus(name string) bool {
	ok := []string{
		"StatusText", "StatusOK", "StatusCreated", "StatusAccepted", "StatusNoContent", "StatusNotModified",
		"StatusTemporaryRedirect",
		"StatusServiceUnavailable", // a failed probe is an answer
	}
	return !slices.Contains(ok, name)
}
