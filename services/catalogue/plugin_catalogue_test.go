package catalogue

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/templates/plugins"
)

func TestShippedPluginsAndAnExampleOfOnesOwn(t *testing.T) {
	t.Parallel()
	all, err := LoadPlugins(plugins.FS, os.DirFS("../../docs/examples/plugins"))
	require.NoError(t, err)
	groupOf := map[string]string{}
	for i, p := range all {
		require.Equal(t, p.ID, p.Name)
		require.True(t, i == 0 || all[i-1].DisplayName <= p.DisplayName, "sorted by display name")
		for _, nt := range p.NodeTypes {
			require.Equal(t, p.Category, nt.Category)
			require.Contains(t, p.CRDKinds, nt.Kind)
			groupOf[nt.Name] = p.CRDGroup + "/" + nt.APIVersion + " " + nt.Kind
		}
	}
	require.Equal(t, "cert-manager.io/v1 Certificate", groupOf["certificate"])
	require.Equal(t, "monitoring.coreos.com/v1 ServiceMonitor", groupOf["servicemonitor"])
	require.Equal(t, "keda.sh/v1alpha1 ScaledObject", groupOf["scaled-object"])
	require.Equal(t, "postgresql.cnpg.io/v1 Cluster", groupOf["pg-cluster"])
	require.Equal(t, "example.kubeorch.io/v1 Greeting", groupOf["greeting"])
}

func TestALaterSourceReplacesAPlugin(t *testing.T) {
	t.Parallel()
	all, err := LoadPlugins(
		file("{id: a, displayName: First, crdGroup: x.io, nodeTypes: [{name: t, kind: T, fields: null}]}"),
		file("{id: a, displayName: Second, crdGroup: x.io}"))
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "Second", all[0].DisplayName)
	require.Equal(t, []models.PluginNodeType{}, all[0].NodeTypes)
	require.Equal(t, []string{}, all[0].CRDKinds)
}

func TestPluginFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		source fs.FS
		want   []string
	}{
		"no directory":  {os.DirFS("testdata/no-such-directory"), []string{"plugins directory"}},
		"no list":       {fstest.MapFS{"a.yaml": {Data: []byte("id: a")}}, []string{"plugins in a.yaml"}},
		"unknown key":   {file("{id: a, colour: red}"), []string{"colour"}},
		"id":            {file("{id: 'a b'}"), []string{`the id "a b" cannot be`}},
		"twice":         {file("{id: a}", "{id: a}"), []string{`plugin "a" is defined twice`}},
		"core name":     {file("{id: a, crdGroup: x.io, nodeTypes: [{name: service, kind: S}]}"), []string{"has the name of a core type"}},
		"name in two":   {file("{id: a, crdGroup: x.io, nodeTypes: [{name: t, kind: T}]}", "{id: b, crdGroup: x.io, nodeTypes: [{name: t, kind: T}]}"), []string{`node type "t" belongs to plugin "a" and to "b"`}},
		"all of a type": {file("{id: a, nodeTypes: [{name: ' ', fields: [{id: x, type: text}, {id: x, type: date}, {id: s, type: select, options: [a], default: b}]}]}"), []string{"the name cannot", "the group:", "the kind is missing", `field id "x" is empty or used twice`, `unknown type "date"`, `default of field "s"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := LoadPlugins(tc.source)
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

// file returns a directory with one file of the given plugins.
func file(list ...string) fs.FS {
	text := ""
	for _, p := range list {
		text += "- " + p + "\n"
	}
	return fstest.MapFS{"plugins.yaml": {Data: []byte(text)}}
}
