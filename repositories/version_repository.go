package repositories

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/database"
	"github.com/kubeorch/core/models"
)

// Versions stores snapshots of workflows. It is safe for concurrent use.
type Versions struct{ coll *mongo.Collection }

// NewVersions returns the versions of db.
func NewVersions(db *mongo.Database) *Versions { return &Versions{db.Collection(database.Versions)} }

// versionDocument is a version as it is stored. NodeCount spares lists from
// reading Nodes.
type versionDocument struct {
	models.Version `bson:",inline"`
	Nodes          []nodeDocument `bson:"nodes"`
	NodeCount      int            `bson:"node_count"`
}

func (d versionDocument) version() (models.Version, error) {
	v := d.Version
	var err error
	v.Nodes, err = nodesOf(d.Nodes)
	if v.Edges == nil {
		v.Edges = []models.Edge{}
	}
	return v, err
}

// Add stores v under the next number of its workflow and returns it. Numbers have
// no gaps, also with concurrent calls: storing a version is what takes its number.
// It may be called again after an error, when v may be stored already.
func (r *Versions) Add(ctx context.Context, v models.Version) (models.Version, error) {
	const op = "repositories.Versions.Add"
	nodes, err := nodeDocuments(v.Nodes)
	if err != nil {
		return v, &models.Error{Op: op, Err: err}
	}
	if v.Bytes, err = graphBytes(nodes, v.Edges); err != nil {
		return v, &models.Error{Op: op, Err: err}
	}
	for range maxAttempts {
		last, err := r.last(ctx, v.WorkflowID)
		if err != nil {
			return v, translate(op, "version", err)
		}
		v.Number = last + 1
		_, err = r.coll.InsertOne(ctx, versionDocument{Version: v, Nodes: nodes, NodeCount: len(nodes)})
		if !mongo.IsDuplicateKeyError(err) {
			return v, translate(op, "version", err)
		}
		if number, err := r.number(ctx, v); !errors.Is(err, mongo.ErrNoDocuments) {
			v.Number = number
			return v, translate(op, "version", err)
		}
	}
	return v, &models.Error{Op: op, Kind: models.Unavailable, Msg: "too many versions are being stored at once; try again"}
}

// last returns the newest number of a workflow, 0 when there is none.
func (r *Versions) last(ctx context.Context, workflowID string) (int, error) {
	var doc struct {
		Number int `bson:"version"`
	}
	err := r.coll.FindOne(ctx, ofWorkflow(workflowID),
		options.FindOne().SetSort(newestVersion()).SetProjection(fields("version"))).Decode(&doc)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return 0, nil
	}
	return doc.Number, err
}

// number returns the number under which v is stored.
func (r *Versions) number(ctx context.Context, v models.Version) (int, error) {
	var doc struct {
		Number int `bson:"version"`
	}
	err := r.coll.FindOne(ctx, byID(v.ID), options.FindOne().SetProjection(fields("version"))).Decode(&doc)
	return doc.Number, err
}

// Get returns one version of a workflow.
func (r *Versions) Get(ctx context.Context, workflowID string, number int) (models.Version, error) {
	var doc versionDocument
	if err := r.coll.FindOne(ctx, byNumber(workflowID, number)).Decode(&doc); err != nil {
		return models.Version{}, translate("repositories.Versions.Get", "version", err)
	}
	v, err := doc.version()
	return v, translate("repositories.Versions.Get", "version", err)
}

// List returns one page of a workflow's versions, the newest first, and how
// many there are in all. Pages count from 1. It reads nothing of the graphs but
// their size.
func (r *Versions) List(ctx context.Context, workflowID string, page, limit int) ([]models.VersionSummary, int64, error) {
	const op = "repositories.Versions.List"
	total, err := r.coll.CountDocuments(ctx, ofWorkflow(workflowID))
	if err != nil {
		return nil, 0, translate(op, "versions", err)
	}
	list, err := findAll[models.VersionSummary](ctx, r.coll, op, "versions", ofWorkflow(workflowID), pageOf(page, limit).
		SetSort(newestVersion()).SetProjection(bson.D{{Key: "nodes", Value: 0}, {Key: "edges", Value: 0}}))
	for i := range list {
		list[i].Nodes, list[i].Edges = make([]struct{}, list[i].NodeCount), []models.Edge{}
	}
	return list, total, err
}

// SetNotes changes the texts that n sets and returns the version.
func (r *Versions) SetNotes(
	ctx context.Context, workflowID string, number int, n models.VersionNotes,
) (models.Version, error) {
	var change bson.D
	for key, value := range map[string]*string{"name": n.Name, "tag": n.Tag, "description": n.Description} {
		if value != nil {
			change = append(change, bson.E{Key: key, Value: *value})
		}
	}
	if len(change) == 0 {
		return r.Get(ctx, workflowID, number)
	}
	var doc versionDocument
	err := r.coll.FindOneAndUpdate(ctx, byNumber(workflowID, number), set(change),
		options.FindOneAndUpdate().SetReturnDocument(options.After)).Decode(&doc)
	if err != nil {
		return models.Version{}, translate("repositories.Versions.SetNotes", "version", err)
	}
	v, err := doc.version()
	return v, translate("repositories.Versions.SetNotes", "version", err)
}

// SetRunStatus stores how the run of a version ended.
func (r *Versions) SetRunStatus(ctx context.Context, workflowID string, number int, status string) error {
	_, err := r.coll.UpdateOne(ctx, byNumber(workflowID, number), set(bson.D{{Key: "run_status", Value: status}}))
	return translate("repositories.Versions.SetRunStatus", "version", err)
}

// DeleteByWorkflow removes all versions of a workflow.
func (r *Versions) DeleteByWorkflow(ctx context.Context, workflowID string) error {
	_, err := r.coll.DeleteMany(ctx, bson.D{{Key: "workflow_id", Value: workflowID}})
	return translate("repositories.Versions.DeleteByWorkflow", "version", err)
}

func ofWorkflow(id string) bson.D { return bson.D{{Key: "workflow_id", Value: id}} }

func byNumber(workflowID string, number int) bson.D {
	return append(ofWorkflow(workflowID), bson.E{Key: "version", Value: number})
}

func newestVersion() bson.D { return bson.D{{Key: "version", Value: -1}} }
