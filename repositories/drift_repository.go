package repositories

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// Drifts stores how workflows in clusters differ from what was deployed, and what their
// owners want to know of that: one document a workflow. It is safe for concurrent use.
type Drifts struct{ coll *mongo.Collection }

// NewDrifts returns the drifts of db.
func NewDrifts(db *mongo.Database) *Drifts { return &Drifts{db.Collection(database.Drifts)} }

// driftDocument is a models.DriftRecord as it is stored.
type driftDocument struct {
	ID          string             `bson:"_id"`
	Mode        string             `bson:"mode"`
	Ignored     []ignoredPaths     `bson:"ignored"`
	Nodes       []nodeDrift        `bson:"nodes"`
	Corrections []nodeCorrections  `bson:"corrections"`
	CheckedAt   *time.Time         `bson:"checked_at"`
	Fence       *models.WatchFence `bson:"fence,omitempty"`
}

type ignoredPaths struct {
	NodeID string   `bson:"node"`
	Paths  []string `bson:"paths"`
}

type nodeCorrections struct {
	NodeID string      `bson:"node"`
	At     []time.Time `bson:"at"`
}

// nodeDrift holds a models.NodeDrift as JSON: its values are those of any field of any
// object, of which not all can be stored as documents.
type nodeDrift struct {
	NodeID string `bson:"node"`
	Drift  []byte `bson:"drift"`
}

// Get returns what is stored of a workflow. Of one that nothing is stored of it returns
// the defaults.
func (r *Drifts) Get(ctx context.Context, workflowID string) (models.DriftRecord, error) {
	var doc driftDocument
	err := r.coll.FindOne(ctx, byID(workflowID)).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		doc, err = driftDocument{ID: workflowID}, nil
	}
	return recordOf("repositories.Drifts.Get", doc, err)
}

// Raise makes by the only fence under which Store works, and returns what is stored at
// that moment. It is a Conflict when a server was given the same cluster later and has
// raised its fence. The zero fence changes nothing.
func (r *Drifts) Raise(ctx context.Context, workflowID string, by models.WatchFence) (models.DriftRecord, error) {
	const op = "repositories.Drifts.Raise"
	if by.IsZero() {
		return r.Get(ctx, workflowID)
	}
	filter := append(byID(workflowID), bson.E{Key: "$or", Value: bson.A{
		bson.D{{Key: "fence", Value: bson.D{{Key: "$exists", Value: false}}}},
		bson.D{{Key: "fence.cluster", Value: bson.D{{Key: "$ne", Value: by.ClusterID}}}},
		bson.D{{Key: "fence.fence", Value: bson.D{{Key: "$lte", Value: by.Fence}}}},
	}})
	var doc driftDocument
	err := r.coll.FindOneAndUpdate(ctx, filter, set(bson.D{{Key: "fence", Value: by}}),
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&doc)
	if mongo.IsDuplicateKeyError(err) {
		return models.DriftRecord{}, watchedElsewhere(op)
	}
	return recordOf(op, doc, err)
}

// Store replaces the findings of a workflow. It is a Conflict and changes nothing unless
// Raise was called with the same fence, and with no other since. The zero fence is never
// refused.
func (r *Drifts) Store(ctx context.Context, workflowID string, by models.WatchFence, f models.DriftFindings) error {
	const op = "repositories.Drifts.Store"
	nodes, err := nodeDriftsOf(f.Nodes)
	if err != nil {
		return &models.Error{Op: op, Err: err}
	}
	filter := byID(workflowID)
	if !by.IsZero() {
		filter = append(filter, bson.E{Key: "fence.cluster", Value: by.ClusterID}, bson.E{Key: "fence.fence", Value: by.Fence})
	}
	res, err := r.coll.UpdateOne(ctx, filter, set(bson.D{
		{Key: "nodes", Value: nodes}, {Key: "corrections", Value: correctionsOf(f.Corrections)}, {Key: "checked_at", Value: f.CheckedAt},
	}), options.UpdateOne().SetUpsert(by.IsZero()))
	if err == nil && res.MatchedCount == 0 && res.UpsertedCount == 0 {
		return watchedElsewhere(op)
	}
	return translate(op, "drift", err)
}

// Clear removes the findings of a workflow, which has nothing in a cluster any more, and
// returns the ids of the nodes that had drifted.
func (r *Drifts) Clear(ctx context.Context, workflowID string) (nodeIDs []string, err error) {
	var before driftDocument
	err = r.coll.FindOneAndUpdate(ctx, byID(workflowID),
		bson.D{{Key: "$unset", Value: bson.D{{Key: "nodes", Value: ""}, {Key: "corrections", Value: ""}, {Key: "checked_at", Value: ""}}}},
	).Decode(&before)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	for _, n := range before.Nodes {
		nodeIDs = append(nodeIDs, n.NodeID)
	}
	return nodeIDs, translate("repositories.Drifts.Clear", "drift", err)
}

// SetSettings stores what the owner of a workflow wants to know.
func (r *Drifts) SetSettings(ctx context.Context, workflowID string, s models.DriftSettings) error {
	ignored := []ignoredPaths{}
	for _, node := range slices.Sorted(maps.Keys(s.Ignored)) {
		ignored = append(ignored, ignoredPaths{node, s.Ignored[node]})
	}
	_, err := r.coll.UpdateOne(ctx, byID(workflowID), set(bson.D{{Key: "mode", Value: s.Mode}, {Key: "ignored", Value: ignored}}),
		options.UpdateOne().SetUpsert(true))
	return translate("repositories.Drifts.SetSettings", "drift", err)
}

// InMode returns the ids of the workflows in a mode.
func (r *Drifts) InMode(ctx context.Context, mode string) ([]string, error) {
	docs, err := findAll[driftDocument](ctx, r.coll, "repositories.Drifts.InMode", "drifts",
		bson.D{{Key: "mode", Value: mode}}, options.Find().SetProjection(fields("_id")))
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	return ids, err
}

// DeleteByWorkflow removes what is stored of a workflow.
func (r *Drifts) DeleteByWorkflow(ctx context.Context, workflowID string) error {
	_, err := r.coll.DeleteOne(ctx, byID(workflowID))
	return translate("repositories.Drifts.DeleteByWorkflow", "drift", err)
}

func recordOf(op string, doc driftDocument, err error) (models.DriftRecord, error) {
	if err != nil {
		return models.DriftRecord{}, translate(op, "drift", err)
	}
	r := models.DriftRecord{
		WorkflowID: doc.ID, Nodes: make([]models.NodeDrift, len(doc.Nodes)), CheckedAt: doc.CheckedAt,
		DriftSettings: models.DriftSettings{Mode: models.DriftShow, Ignored: make(map[string][]string, len(doc.Ignored))},
		Corrections:   make(map[string][]time.Time, len(doc.Corrections)),
	}
	if doc.Mode != "" {
		r.Mode = doc.Mode
	}
	for _, i := range doc.Ignored {
		r.Ignored[i.NodeID] = i.Paths
	}
	for _, c := range doc.Corrections {
		r.Corrections[c.NodeID] = c.At
	}
	for i, n := range doc.Nodes {
		if err := json.Unmarshal(n.Drift, &r.Nodes[i]); err != nil {
			return models.DriftRecord{}, &models.Error{Op: op, Err: err}
		}
	}
	return r, nil
}

func nodeDriftsOf(nodes []models.NodeDrift) ([]nodeDrift, error) {
	docs := make([]nodeDrift, len(nodes))
	for i, n := range nodes {
		text, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		docs[i] = nodeDrift{n.NodeID, text}
	}
	return docs, nil
}

func correctionsOf(times map[string][]time.Time) []nodeCorrections {
	docs := []nodeCorrections{}
	for _, node := range slices.Sorted(maps.Keys(times)) {
		docs = append(docs, nodeCorrections{node, times[node]})
	}
	return docs
}
