package handlers

import (
	"context"
	"math"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

// maxSearch bounds what is searched for, in characters. Names of objects have 253 at
// most.
const maxSearch = 253

// resources is what these handlers need.
type resources interface {
	List(ctx context.Context, userID, cluster string, q models.ResourceQuery) (models.ResourcePage, error)
	Sync(ctx context.Context, userID, cluster string) error
	Get(ctx context.Context, userID, id string) (models.ResourceDetail, error)
	Children(ctx context.Context, userID, id string) (models.ResourceChildren, error)
	Mark(ctx context.Context, userID, id string, in models.ResourceMarkInput) error
}

// Resource serves /resources.
type Resource struct{ svc resources }

// NewResource returns handlers that act through svc.
func NewResource(svc resources) *Resource { return &Resource{svc} }

// List answers GET /resources.
func (h *Resource) List(c *gin.Context) error {
	const limit, maxLimit = 25, 100
	q := models.ResourceQuery{
		Namespace: choice(c, "namespace"), Kind: choice(c, "type"), Search: c.Query("search"),
		HideSystem: c.Query("hideSystem") == "true", Sort: sortField(c), Descending: c.Query("sort_order") == "desc",
		Limit: queryInt(c, "limit", limit, maxLimit), Offset: queryInt(c, "offset", 0, math.MaxInt32),
	}
	if utf8.RuneCountInString(q.Search) > maxSearch || !utf8.ValidString(q.Search) {
		return &models.Error{Op: "handlers.Resource.List", Kind: models.Invalid, Msg: "search must be text of 253 characters at most"}
	}
	user, cluster := caller(c).UserID, choice(c, "cluster")
	if c.Query("sync") == "true" {
		if err := h.svc.Sync(c.Request.Context(), user, cluster); err != nil {
			return err
		}
	}
	page, err := h.svc.List(c.Request.Context(), user, cluster, q)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, page)
	return nil
}

// choice returns the value of a filter, whose value "all" is none.
func choice(c *gin.Context, key string) string {
	if v := c.Query(key); v != "all" {
		return v
	}
	return ""
}

// sortField returns what a list is to be sorted by. Unknown fields are none.
func sortField(c *gin.Context) string {
	known := []string{
		models.SortResourcesByName, models.SortResourcesByType, models.SortResourcesByNamespace,
		models.SortResourcesByCluster, models.SortResourcesByStatus, models.SortResourcesByCreated,
	}
	if by := c.Query("sort_by"); slices.Contains(known, by) {
		return by
	}
	return ""
}

// Sync answers POST /resources/sync.
func (h *Resource) Sync(c *gin.Context) error {
	if err := h.svc.Sync(c.Request.Context(), caller(c).UserID, choice(c, "cluster")); err != nil {
		return err
	}
	c.JSON(http.StatusAccepted, gin.H{"message": "the clusters are read again"})
	return nil
}

// Get answers GET /resources/:id.
func (h *Resource) Get(c *gin.Context) error {
	detail, err := h.svc.Get(c.Request.Context(), caller(c).UserID, c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, detail)
	return nil
}

// Pods answers GET /resources/:id/pods.
func (h *Resource) Pods(c *gin.Context) error {
	children, err := h.svc.Children(c.Request.Context(), caller(c).UserID, c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, children)
	return nil
}

// Update answers PATCH /resources/:id.
func (h *Resource) Update(c *gin.Context) error {
	var in models.ResourceMarkInput
	if err := decodeOptional(c, &in); err != nil {
		return err
	}
	if err := h.svc.Mark(c.Request.Context(), caller(c).UserID, c.Param("id"), in); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "the resource was updated"})
	return nil
}
