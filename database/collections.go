package database

import (
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// The names of the collections.
const (
	Users     = "users"
	Invites   = "invites"
	Sessions  = "sessions"
	Clusters  = "clusters"
	Workflows = "workflows"
	Watches   = "watches"
	Drifts    = "drifts"
	Versions  = "versions"
	Runs      = "runs"
	Settings  = "settings"
	Codes     = "one_time_codes"

	ClusterShares   = "cluster_shares"
	ClusterDefaults = "cluster_defaults"

	ClusterLogs = "cluster_logs"

	Notifications = "notifications"

	Resources     = "resources"
	ResourceMarks = "resource_marks"
	ResourceSyncs = "resource_syncs"

	Audit     = "audit"
	APITokens = "api_tokens"
	Attempts  = "attempts"

	Servers = "servers"
	Leases  = "leases"

	RelayLog = "relay_log"
)

// RunsOneRunning is the unique index that allows a workflow one running run.
const RunsOneRunning = "runs_one_running"

// retention holds the ages at which TTL indexes delete documents.
type retention struct{ audit, clusterLog time.Duration }

// index is one row of the table of indexes. An empty name means MongoDB's default
// name for the key.
type index struct {
	collection string
	key        bson.D
	name       string
	unique     bool
	partial    bson.D        // the filter of a partial index
	expires    bool          // a TTL index: documents are deleted at the time in the key
	after      time.Duration // how long after that time they are deleted
}

// inviteRetention is how long administrators see invites that have expired.
const inviteRetention = 90 * 24 * time.Hour

// deletedRetention is how long the records of objects that were deleted from their
// clusters are kept.
const deletedRetention = 7 * 24 * time.Hour

// indexes lists every index.
func indexes(keep retention) []index {
	unread := bson.D{{Key: "read", Value: false}}
	return slices.Concat(auditIndexes(keep.audit), resourceIndexes(), runIndexes(), []index{
		{collection: Users, key: asc("email"), unique: true},
		// Only the first account, which became administrator by that, has a slot.
		{collection: Users, key: asc("admin_slot"), unique: true, partial: exists("admin_slot")},
		{collection: Users, key: asc("auth_provider", "provider_subject"), unique: true, partial: exists("provider_subject")},

		{collection: Users, key: bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}},
		{collection: Users, key: asc("role")},
		{collection: Users, key: asc("leaving.mark"), partial: exists("leaving")},

		{collection: Sessions, key: newest("created_at", "user_id")},
		{collection: Sessions, key: asc("expires_at"), expires: true},

		{collection: Clusters, key: asc("owner_id", "name"), unique: true},
		{collection: Clusters, key: newest("created_at", "owner_id")},

		{collection: ClusterShares, key: asc("cluster_id", "user_id"), unique: true},
		{collection: ClusterShares, key: asc("user_id", "status", "cluster_name", "accepted_at")},
		{collection: ClusterShares, key: asc("owner_id")},
		{collection: ClusterDefaults, key: asc("cluster_id")},

		{collection: ClusterLogs, key: newestLogEntry("cluster_id")},
		{collection: ClusterLogs, key: asc("timestamp"), expires: keep.clusterLog > 0, after: keep.clusterLog},

		{collection: Notifications, key: append(newest("created_at", "user_id"), bson.E{Key: "_id", Value: -1})},
		{collection: Notifications, key: asc("user_id", "type", "ref_id", "what"), unique: true, partial: unread},
		{collection: Notifications, key: asc("expires_at"), expires: true},

		{collection: Workflows, key: newest("updated_at", "owner_id")},
		{collection: Workflows, key: asc("deleted_at"), partial: exists("deleted_at")},
		{collection: Workflows, key: asc("cluster_ref")},

		{collection: Watches, key: asc("cluster")},
		{collection: Watches, key: asc("until"), expires: true},

		{collection: Drifts, key: asc("mode")},

		{collection: Versions, key: newest("version", "workflow_id"), unique: true},

		{collection: Codes, key: asc("expires_at"), expires: true},

		{collection: Invites, key: asc("code_hash"), unique: true},
		{collection: Invites, key: asc("expires_at"), expires: true, after: inviteRetention},
		{collection: Invites, key: bson.D{{Key: "created_at", Value: -1}, {Key: "_id", Value: -1}}},

		{collection: Leases, key: asc("holder")},

		{collection: APITokens, key: asc("hash"), unique: true},
		{collection: APITokens, key: asc("user_id", "name"), unique: true},
		{collection: APITokens, key: newest("created_at", "user_id")},
		{collection: APITokens, key: asc("expires_at"), expires: true},

		{collection: Attempts, key: asc("expires"), expires: true},
	})
}

func runIndexes() []index {
	running := bson.D{{Key: "status", Value: "running"}}
	return []index{
		{collection: Runs, key: newest("started_at", "workflow_id")},
		{collection: Runs, key: asc("workflow_id"), name: RunsOneRunning, unique: true, partial: running},
		{collection: Runs, key: asc("lease"), partial: running},
		{collection: Runs, key: asc("workflow_id", "idempotency_key"), unique: true, partial: exists("idempotency_key")},
		{collection: Runs, key: asc("unsettled"), partial: bson.D{{Key: "unsettled", Value: true}}},
	}
}

// resourceIndexes are those of the inventory. Lists select by the first three fields,
// and each can be sorted by its own fourth.
func resourceIndexes() []index {
	listed := func(by ...string) bson.D {
		key := append(asc("cluster_id", "deleted", "system"), asc(by...)...)
		return append(key, bson.E{Key: "state.created_at", Value: -1}, bson.E{Key: "_id", Value: -1})
	}
	return []index{
		{collection: Resources, key: listed()},
		{collection: Resources, key: listed("kind")},
		{collection: Resources, key: listed("namespace")},
		{collection: Resources, key: listed("state.status")},
		{collection: Resources, key: asc("cluster_id", "deleted", "system", "name", "_id")},
		{collection: Resources, key: asc("cluster_id", "namespace", "state.parent"), partial: exists("state.parent")},
		{collection: Resources, key: newest("deleted_at", "cluster_id"), partial: exists("deleted_at")},
		{collection: Resources, key: asc("deleted_at"), expires: true, after: deletedRetention},

		{collection: ResourceMarks, key: asc("user_id")},
		{collection: ResourceMarks, key: asc("cluster_id")},
	}
}

// auditIndexes are those of the audit trail, whose entries are kept so long.
func auditIndexes(keep time.Duration) []index {
	return []index{
		{collection: Audit, key: asc("at"), expires: keep > 0, after: keep},
		{collection: Audit, key: bson.D{{Key: "at", Value: -1}, {Key: "_id", Value: -1}}},
		{collection: Audit, key: newestEntry("actor_id")},
		{collection: Audit, key: newestEntry("actor")},
		{collection: Audit, key: newestEntry("action")},
		{collection: Audit, key: newestEntry("area")},
		{collection: Audit, key: newestEntry("address")},
		{collection: Audit, key: newestEntry("outcome")},
		{collection: Audit, key: newestEntry("targets")},
	}
}

// asc is an ascending key on the fields.
func asc(fields ...string) bson.D {
	var key bson.D
	for _, f := range fields {
		key = append(key, bson.E{Key: f, Value: 1})
	}
	return key
}

// newest is a key for lists that select by fields and show the newest first.
func newest(field string, by ...string) bson.D {
	return append(asc(by...), bson.E{Key: field, Value: -1})
}

// newestEntry is a key for pages of the audit trail with one value of field. The
// id orders entries of the same time.
func newestEntry(field string) bson.D {
	return append(newest("at", field), bson.E{Key: "_id", Value: -1})
}

// newestLogEntry is newestEntry for logs.
func newestLogEntry(field string) bson.D {
	return append(newest("timestamp", field), bson.E{Key: "_id", Value: -1})
}

func exists(field string) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$exists", Value: true}}}}
}

func (ix index) model() mongo.IndexModel {
	o := options.Index()
	if ix.name != "" {
		o.SetName(ix.name)
	}
	if ix.unique {
		o.SetUnique(true)
	}
	if ix.expires {
		o.SetExpireAfterSeconds(int32(ix.after.Seconds()))
	}
	if ix.partial != nil {
		o.SetPartialFilterExpression(ix.partial)
	}
	return mongo.IndexModel{Keys: ix.key, Options: o}
}
