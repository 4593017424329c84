package main

import (
	"go/ast"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// Whatever is sealed must be known to the rotation of the key: each call of
// Seal and Open has to name its place by a field from the declared list.
func TestSealedFieldsAreDeclared(t *testing.T) {
	t.Parallel()
	declared := declaredFields(t)
	require.Len(t, declared, len(models.SealedFields()), "each constant is in the list, once")
	sealed := 0
	for _, src := range sources(t) {
		// What lies below seals for others; the rotation goes over the list.
		if src.layer() == "e2e" || src.layer() == "pkg" || src.layer() == "database" || src.path == "services/keys/key_rotation.go" {
			continue
		}
		ast.Inspect(src.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || (method.Sel.Name != "Seal" && method.Sel.Name != "Open") || isPackage(method.X, "database") {
				return true
			}
			sealed++
			require.Contains(t, declared, placeOf(call.Args[1]), "%s: name the place by models.Sealed….Place(id)", src.at(call))
			return true
		})
	}
	require.GreaterOrEqual(t, sealed, 2*len(declared), "each field is sealed and opened somewhere")
}

// declaredFields returns the names of the constants in models/sealed.go.
func declaredFields(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, src := range sources(t) {
		if src.path != "models/sealed.go" {
			continue
		}
		ast.Inspect(src.ast, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				names[spec.Names[0].Name] = true
			}
			return true
		})
	}
	return names
}

func isPackage(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// placeOf returns X of the expression models.X.Place(…).
func placeOf(arg ast.Expr) string {
	call, ok := arg.(*ast.CallExpr)
	if !ok {
		return ""
	}
	place, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || place.Sel.Name != "Place" {
		return ""
	}
	field, ok := place.X.(*ast.SelectorExpr)
	if !ok || !isPackage(field.X, "models") {
		return ""
	}
	return field.Sel.Name
}

func TestSealedFieldsAreWhereTheyAreStored(t *testing.T) {
	t.Parallel()
	require.Equal(t, "clusters/7/credentials", models.SealedClusterCredentials.Place("7"))
	field, _ := reflect.TypeFor[models.Cluster]().FieldByName("Sealed")
	require.Equal(t, models.SealedClusterCredentials.Path(), field.Tag.Get("bson"))
}
