// Package kinds turns drawn nodes into Kubernetes objects, one file per node
// type. Everything here takes values and returns values: no I/O, no clock.
package kinds

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubeorch/core/models"
)

// Kind turns one node into Kubernetes objects. Implementations hold no mutable
// state and do no I/O; they are called from many goroutines at once.
type Kind interface {
	// Type is the value of Node.Type that selects this kind.
	Type() string
	// Check reports everything wrong with n and with what its edges give it,
	// or nothing. Field paths are those of the node's data; the caller adds
	// the node id.
	Check(n *Node) models.Problems
	// Render returns n's objects in the order they should be applied. It is
	// only called for a node that passed Check. The caller adds the labels
	// that mark ownership.
	Render(n *Node) ([]*unstructured.Unstructured, error)
}

// Valued is implemented by kinds whose objects need values that are typed at
// run time and live in the cluster only.
type Valued interface {
	// Values tells which Secret holds them, or nil when n needs none.
	Values(n *Node) *Values
}

// Releaser is implemented by kinds of whose objects another node may decide
// fields.
type Releaser interface {
	// Initial returns the fields, left out of n's last object, that something
	// else in the cluster decides once the object exists.
	Initial(n *Node) []Initial
}

// Initial is such a field, with the value that a new object starts with; nil
// means the API server's default.
type Initial struct {
	Path  []string
	Value any
}

// Values describes one Secret whose content is typed at run time. A run merges
// typed values into what the cluster already holds, key by key.
type Values struct {
	Object *unstructured.Unstructured // the Secret without data
	Keys   []string                   // the keys it may hold; others are removed
	Env    bool                       // typed as environment (true) or as a secret node's keys
}

// Node is a drawn node with its edges resolved to the nodes they lead to. A
// node and its peers are for one goroutine.
type Node struct {
	ID        string
	Type      string
	Name      string      // data.name, trimmed
	Namespace string      // as NamespaceOf tells
	Data      models.Data // without the keys that belong to the server
	Peers     []Peer      // in a fixed order, whatever that of the drawing
	Workflow  string      // what WorkflowLabel is on its pods
	Shared    bool        // of a workload: another one has its name and namespace

	offered portList // of a Service, once somebody asked for it
}

// NamespaceOf returns the namespace of a node with the given data: "default"
// when it names none.
func NamespaceOf(data models.Data) string { return cmp.Or(data.String("namespace"), "default") }

// Peer is the other end of one of a node's edges. Directions are those of the
// table in link.go, whichever way the edge was drawn.
type Peer struct {
	Node   *Node
	Handle string // the handle at the edge's source: a path's or a rule's id, or "output"
	Edge   string // the edge's id
	Out    bool   // the edge leads from this node to Node
}

// Out returns the peers that n's edges lead to, limited to the given types.
func (n *Node) Out(types ...string) []Peer { return n.peers(true, types) }

// In returns the peers whose edges lead to n, limited to the given types.
func (n *Node) In(types ...string) []Peer { return n.peers(false, types) }

func (n *Node) peers(out bool, types []string) []Peer {
	var found []Peer
	for _, p := range n.Peers {
		if p.Out == out && slices.Contains(types, p.Node.Type) {
			found = append(found, p)
		}
	}
	return found
}
