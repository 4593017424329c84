package kinds

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestReferences(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                               "",
		"plain $ text $":                 "",
		"postgres://$(USER):$(PW)@$(DB)": "USER PW DB",
		"$(A)$(A)":                       "A A",
		"$$(A) $$$(B)":                   "B",
		"$(A":                            "",
		"$A ${B} $(C)":                   "C",
		"$(date +%s)":                    "date +%s",
	} {
		require.Equal(t, want, strings.Join(references(value), " "), value)
	}
}

func TestVariablesFollowWhatTheyReferTo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ data, want string }{
		"an object is in the order of names": {`{"env": {"B": "1", "A": "2"}}`, "A B"},
		"a reference moves what it needs":    {`{"env": {"A_URL": "$(Z_USER):$(DB)", "B": "1", "DB": "x", "Z_USER": "u"}}`, "Z_USER DB A_URL B"},
		"a chain":                            {`{"env": {"A": "$(B)", "B": "$(C)", "C": "1"}}`, "C B A"},
		"a list keeps its order":             {`{"env": [{"name": "B", "value": "1"}, {"name": "A", "value": "2"}]}`, "B A"},
		"a list with a reference":            {`{"env": [{"name": "B", "value": "$(A)"}, {"name": "C"}, {"name": "A", "value": "2"}]}`, "A B C"},
		"typed ones follow":                  {`{"env": {"A": "1"}, "envKeys": [{"name": "Z"}, {"name": "B"}]}`, "A Z B"},
		"typed ones that others refer to":    {`{"env": {"A_URL": "$(DB_USER)", "B": "1"}, "envKeys": [{"name": "Z"}, {"name": "DB_USER"}]}`, "DB_USER A_URL B Z"},
		"a cycle ends":                       {`{"env": {"A": "$(B)", "B": "$(A)", "C": "$(C)"}}`, "B A C"},
		"unknown and escaped names":          {`{"env": {"A": "$(NOPE) $$(B)", "B": "1"}}`, "A B"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := drawnNode(t, TypeDeployment, tc.data)
			var names []string
			for _, v := range byReference(environment(n, muted(read(n, nil)))) {
				name, _ := variable(v)
				names = append(names, name)
			}
			require.Equal(t, tc.want, strings.Join(names, " "))
		})
	}
}

func TestReferencesThatStayAreWarnings(t *testing.T) {
	t.Parallel()
	kind, _ := allKinds(t).Lookup(TypeDeployment)
	warnings := func(n *Node) (lines []string) {
		for _, p := range kind.(Warner).Warnings(n) {
			lines = append(lines, p.String())
		}
		return lines
	}
	n := drawnNode(t, TypeDeployment, `{"image": "x", "envKeys": [{"name": "TYPED"}], "env": {
		"GOOD": "$(TYPED) $(FROM_MAP) $(FROM_SECRET) $(API_SERVICE_HOST) $(API_PORT_80_TCP_ADDR)",
		"BAD": "$(TYPO)$(TYPO)", "SELF": "$(SELF)", "X": "$(Y)", "Y": "$(Z)", "Z": "$(X)", "BEHIND": "$(X)"}}`)
	n.Peers = []Peer{
		{Node: &Node{ID: "c", Type: TypeConfigMap, Name: "c", Namespace: "default", Data: models.Data{"data": map[string]any{"FROM_MAP": "1"}}}},
		{Node: &Node{ID: "s", Type: TypeSecret, Name: "s", Namespace: "default", Data: models.Data{"keys": []any{map[string]any{"name": "FROM_SECRET"}}}}},
	}
	require.Empty(t, kind.Check(n), "none of this keeps it from running")
	require.ElementsMatch(t, []string{
		`field env["BAD"]: refers to $(TYPO), which is no variable of this container, so that text stays as it is`,
		`field env["SELF"]: refers to $(SELF), which needs this one first, so that text stays as it is`,
		`field env["Z"]: refers to $(X), which needs this one first, so that text stays as it is`,
	}, warnings(n))
	n.Data["envFrom"] = []any{map[string]any{"configMapRef": map[string]any{"name": "elsewhere"}}}
	require.Empty(t, warnings(n))
}
