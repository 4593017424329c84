package repositories

import (
	"encoding/json"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/kubeorch/core/models"
)

// workflowDocument is a workflow as it is stored. NodeCount lets lists leave out
// Nodes; both are always written together.
type workflowDocument struct {
	models.Workflow `bson:",inline"`
	Nodes           []nodeDocument `bson:"nodes"`
	NodeCount       int            `bson:"node_count"`
	Bytes           int64          `bson:"bytes"` // of the graph
}

// nodeDocument leaves a node's data encoded, so that nodesOf decodes it to the
// types of models.Data and not to those of the connection's registry.
type nodeDocument struct {
	ID       string          `bson:"id"`
	Type     string          `bson:"type"`
	Position models.Position `bson:"position"`
	Data     bson.Raw        `bson:"data"`
}

func newWorkflowDocument(w models.Workflow) (workflowDocument, error) {
	nodes, err := nodeDocuments(w.Nodes)
	if err != nil {
		return workflowDocument{}, err
	}
	size, err := graphBytes(nodes, w.Edges)
	return workflowDocument{Workflow: w, Nodes: nodes, NodeCount: len(nodes), Bytes: size}, err
}

func nodeDocuments(nodes []models.Node) ([]nodeDocument, error) {
	docs := make([]nodeDocument, len(nodes))
	for i, n := range nodes {
		if n.Data == nil {
			n.Data = models.Data{}
		}
		data, err := bson.Marshal(storable(map[string]any(n.Data)))
		if err != nil {
			return nil, fmt.Errorf("data of node %q: %w", n.ID, err)
		}
		docs[i] = nodeDocument{ID: n.ID, Type: n.Type, Position: n.Position, Data: data}
	}
	return docs, nil
}

// graphBytes returns how much a graph takes in the database.
func graphBytes(nodes []nodeDocument, edges []models.Edge) (int64, error) {
	raw, err := bson.Marshal(bson.D{{Key: "nodes", Value: nodes}, {Key: "edges", Value: edges}})
	return int64(len(raw)), err
}

// workflow returns d as a model.
func (d workflowDocument) workflow() (models.Workflow, error) {
	w := d.Workflow
	var err error
	w.Nodes, err = nodesOf(d.Nodes)
	if w.Edges == nil {
		w.Edges = []models.Edge{}
	}
	if w.Tags == nil {
		w.Tags = []string{}
	}
	w.CurrentVersion = max(1, w.VersionSeq)
	return w, err
}

func nodesOf(docs []nodeDocument) ([]models.Node, error) {
	nodes := make([]models.Node, len(docs))
	for i, d := range docs {
		data, err := plainMap(d.Data)
		if err != nil {
			return nil, fmt.Errorf("data of node %q: %w", d.ID, err)
		}
		nodes[i] = models.Node{ID: d.ID, Type: d.Type, Position: d.Position, Data: data}
	}
	return nodes, nil
}

// plainMap decodes doc to the types of models.Data.
func plainMap(doc bson.Raw) (map[string]any, error) {
	m := map[string]any{}
	if len(doc) == 0 {
		return m, nil
	}
	elems, err := doc.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elems {
		if m[e.Key()], err = plainValue(e.Value()); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func plainValue(v bson.RawValue) (any, error) {
	switch v.Type {
	case bson.TypeEmbeddedDocument:
		return plainMap(v.Document())
	case bson.TypeArray:
		return plainList(v.Array())
	case bson.TypeString:
		return v.StringValue(), nil
	case bson.TypeBoolean:
		return v.Boolean(), nil
	case bson.TypeInt32:
		return int64(v.Int32()), nil
	case bson.TypeInt64:
		return v.Int64(), nil
	case bson.TypeDouble:
		return v.Double(), nil
	case bson.TypeBinary:
		if subtype, digits := v.Binary(); subtype == numberSubtype {
			return json.Number(digits), nil
		}
	case bson.TypeNull:
		return nil, nil
	case bson.TypeDateTime:
		return v.Time().UTC().Format(time.RFC3339Nano), nil
	}
	return nil, fmt.Errorf("a %s has no place in node data", v.Type)
}

func plainList(list bson.RawArray) ([]any, error) {
	values, err := list.Values()
	if err != nil {
		return nil, err
	}
	out := make([]any, len(values))
	for i, v := range values {
		if out[i], err = plainValue(v); err != nil {
			return nil, err
		}
	}
	return out, nil
}
