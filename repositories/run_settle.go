package repositories

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// maxUnsettled is how many runs Unsettled returns.
const maxUnsettled = 100

// Unsettled returns runs of all users that have ended and may not be counted and told
// yet, without their states and logs.
func (r *Runs) Unsettled(ctx context.Context) ([]models.Run, error) {
	return findAll[models.Run](ctx, r.coll, "repositories.Runs.Unsettled", "runs", bson.D{{Key: "unsettled", Value: true}},
		options.Find().SetLimit(maxUnsettled).SetProjection(bson.D{{Key: "node_states", Value: 0}, {Key: "logs", Value: 0}}))
}

// Settle notes that a run that has ended is counted and told.
func (r *Runs) Settle(ctx context.Context, id string) error {
	_, err := r.coll.UpdateOne(ctx, byID(id), bson.D{{Key: "$unset", Value: bson.D{{Key: "unsettled", Value: ""}}}})
	return translate("repositories.Runs.Settle", "run", err)
}

// WithKey returns the run of a workflow with an idempotency key, or NotFound.
func (r *Runs) WithKey(ctx context.Context, workflowID, key string) (models.Run, error) {
	return r.findOne(ctx, "repositories.Runs.WithKey", append(ofWorkflow(workflowID), bson.E{Key: "idempotency_key", Value: key}))
}

// ForgetKey lets the idempotency key of a run be used again.
func (r *Runs) ForgetKey(ctx context.Context, id string) error {
	_, err := r.coll.UpdateOne(ctx, byID(id), bson.D{{Key: "$unset", Value: bson.D{{Key: "idempotency_key", Value: ""}}}})
	return translate("repositories.Runs.ForgetKey", "run", err)
}

// maxDeployed is how many runs Deployed returns.
const maxDeployed = 50

// Deployed returns the newest completed runs that deployed a workflow to a cluster,
// the newest first, with their versions and what they waited for.
func (r *Runs) Deployed(ctx context.Context, workflowID, clusterRef string) ([]models.Run, error) {
	filter := append(ofWorkflow(workflowID), bson.E{Key: "status", Value: models.RunCompleted},
		bson.E{Key: "action", Value: models.RunDeploy}, bson.E{Key: "cluster_ref", Value: clusterRef})
	return findAll[models.Run](ctx, r.coll, "repositories.Runs.Deployed", "runs", filter, options.Find().
		SetSort(newestRun()).SetLimit(maxDeployed).SetProjection(fields("version", "wait_seconds", "completed_at")))
}
