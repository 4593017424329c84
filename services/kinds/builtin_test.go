package kinds

import (
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/kubeorch/core/models"
)

// testPlugins is a catalogue with each thing that a definition can say.
const testPlugins = `
- id: greeter
  name: greeter
  crdGroup: example.kubeorch.io
  nodeTypes:
    - name: greeting
      kind: Greeting
      apiVersion: v1
      namespaced: true
      fields:
        - {id: name, type: text, required: true}
        - {id: namespace, type: text, default: default}
        - {id: message, type: text, required: true}
        - {id: replicas, type: number, default: "1"}
        - {id: tone, type: select, options: [warm, cold]}
        - {id: to.name, type: text}
        - {id: to.place, type: text, default: here}
        - {id: loud, type: text}
    - name: worldwide
      kind: World
      group: other.kubeorch.io
      namespaced: false
`

// builtin lists the kinds under test: all that the server has.
func builtin(tb testing.TB, r renderer) []Kind {
	tb.Helper()
	var catalogue []models.Plugin
	require.NoError(tb, yaml.UnmarshalStrict([]byte(testPlugins), &catalogue))
	return Builtin(r, catalogue)
}
