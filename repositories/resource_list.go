package repositories

import (
	"context"
	"regexp"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/kubeorch/core/models"
)

// List returns the page of resources that q asks for, which is not sorted by cluster. Their annotations, labels and
// owners are not set.
func (r *Resources) List(ctx context.Context, q models.ResourceQuery) ([]models.Resource, error) {
	if q.Scope.Empty() {
		return []models.Resource{}, nil
	}
	shown := fields("cluster_id", "cluster_name", "kind", "namespace", "name", "state.status", "state.spec", "state.created_at")
	return findAll[models.Resource](ctx, r.coll, "repositories.Resources.List", "resources", resourceFilter(q), options.Find().
		SetSort(resourceSort(q)).SetSkip(int64(q.Offset)).SetLimit(int64(q.Limit)).SetProjection(shown))
}

// Count returns how many resources q selects, whatever the page.
func (r *Resources) Count(ctx context.Context, q models.ResourceQuery) (int64, error) {
	if q.Scope.Empty() {
		return 0, nil
	}
	n, err := r.coll.CountDocuments(ctx, resourceFilter(q))
	return n, translate("repositories.Resources.Count", "resources", err)
}

// resourceFilter begins with the fields that all indexes for lists begin with.
func resourceFilter(q models.ResourceQuery) bson.D {
	ids := append([]string{}, q.Scope.ClusterIDs...)
	for _, n := range q.Scope.Namespaces {
		ids = append(ids, n.ClusterID)
	}
	filter := bson.D{{Key: "cluster_id", Value: in(ids)}, {Key: "deleted", Value: false}}
	if q.HideSystem {
		filter = append(filter, bson.E{Key: "system", Value: false})
	} else {
		filter = append(filter, bson.E{Key: "system", Value: inBoth()})
	}
	if q.Kind != "" {
		filter = append(filter, bson.E{Key: "kind", Value: q.Kind})
	}
	if q.Namespace != "" {
		filter = append(filter, bson.E{Key: "namespace", Value: q.Namespace})
	}
	var all bson.A
	if len(q.Scope.Namespaces) > 0 {
		all = append(all, bson.D{{Key: "$or", Value: placesOf(q.Scope)}})
	}
	if q.Search != "" {
		part := bson.D{{Key: "$regex", Value: regexp.QuoteMeta(q.Search)}, {Key: "$options", Value: "i"}}
		all = append(all, bson.D{{Key: "$or", Value: bson.A{bson.D{{Key: "name", Value: part}}, bson.D{{Key: "namespace", Value: part}}}}})
	}
	if len(all) > 0 {
		filter = append(filter, bson.E{Key: "$and", Value: all})
	}
	return filter
}

// placesOf are the alternatives of a scope that is narrower than its clusters.
func placesOf(s models.ResourceScope) (places bson.A) {
	if len(s.ClusterIDs) > 0 {
		places = append(places, bson.D{{Key: "cluster_id", Value: in(s.ClusterIDs)}})
	}
	for _, n := range s.Namespaces {
		places = append(places, bson.D{{Key: "cluster_id", Value: n.ClusterID}, {Key: "namespace", Value: in(n.Names)}})
	}
	return places
}

// resourceSort orders by the field that q names, then the newest first; with
// q.Descending all of that is reversed, as in an index that is read backwards.
func resourceSort(q models.ResourceQuery) bson.D {
	newest := bson.D{{Key: "state.created_at", Value: -1}, {Key: "_id", Value: -1}}
	var sort bson.D
	switch q.Sort {
	case models.SortResourcesByName:
		sort = bson.D{{Key: "name", Value: 1}, {Key: "_id", Value: 1}}
	case models.SortResourcesByType:
		sort = append(bson.D{{Key: "kind", Value: 1}}, newest...)
	case models.SortResourcesByNamespace:
		sort = append(bson.D{{Key: "namespace", Value: 1}}, newest...)
	case models.SortResourcesByStatus:
		sort = append(bson.D{{Key: "state.status", Value: 1}}, newest...)
	case models.SortResourcesByCreated:
		sort = bson.D{{Key: "state.created_at", Value: 1}, {Key: "_id", Value: 1}}
	default:
		return newest
	}
	if q.Descending {
		for i, e := range sort {
			sort[i].Value = -e.Value.(int) //nolint:forcetypeassert // written above
		}
	}
	return sort
}

func in(values []string) bson.D { return bson.D{{Key: "$in", Value: values}} }

// inBoth selects all documents by a field that is true or false, so that an index in
// which it stands before others can be used.
func inBoth() bson.D { return bson.D{{Key: "$in", Value: bson.A{false, true}}} }
