package handlers

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

type versionReader interface {
	List(ctx context.Context, owner, id string, page, limit int) (models.Versions, error)
	Get(ctx context.Context, owner, id string, number int) (models.Version, error)
	Compare(ctx context.Context, owner, id string, from, to int) (models.VersionDiff, error)
}

type versionWriter interface {
	Create(ctx context.Context, owner, id string, n models.VersionNotes) (models.Version, error)
	SetNotes(ctx context.Context, owner, id string, number int, n models.VersionNotes) (models.Version, error)
	Restore(ctx context.Context, owner, id string, number int, ifRevision *int64) (models.Version, models.Workflow, error)
	Delete(ctx context.Context, owner, id string, number int) error
}

// versions is what these handlers need.
type versions interface {
	versionReader
	versionWriter
}

// WorkflowVersion serves /workflows/:id/versions.
type WorkflowVersion struct{ svc versions }

// NewWorkflowVersion returns handlers that act through svc.
func NewWorkflowVersion(svc versions) *WorkflowVersion { return &WorkflowVersion{svc} }

// List answers GET /workflows/:id/versions.
func (h *WorkflowVersion) List(c *gin.Context) error {
	const limit, maxLimit = 10, 50
	page, err := h.svc.List(c.Request.Context(), caller(c).UserID, c.Param("id"),
		queryInt(c, "page", 1, 1<<20), queryInt(c, "limit", limit, maxLimit))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, page)
	return nil
}

// Get answers GET /workflows/:id/versions/:version.
func (h *WorkflowVersion) Get(c *gin.Context) error {
	number, err := versionNumber(c.Param("version"))
	if err != nil {
		return err
	}
	v, err := h.svc.Get(c.Request.Context(), caller(c).UserID, c.Param("id"), number)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, v)
	return nil
}

// Compare answers GET /workflows/:id/versions/compare.
func (h *WorkflowVersion) Compare(c *gin.Context) error {
	from, err := versionNumber(c.Query("v1"))
	if err != nil {
		return err
	}
	to, err := versionNumber(c.Query("v2"))
	if err != nil {
		return err
	}
	diff, err := h.svc.Compare(c.Request.Context(), caller(c).UserID, c.Param("id"), from, to)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, diff)
	return nil
}

// Create answers POST /workflows/:id/versions.
func (h *WorkflowVersion) Create(c *gin.Context) error {
	var in models.VersionNotes
	if err := decodeOptional(c, &in); err != nil {
		return err
	}
	v, err := h.svc.Create(c.Request.Context(), caller(c).UserID, c.Param("id"), in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusCreated, gin.H{"message": "version " + strconv.Itoa(v.Number) + " created", "version": v})
	return nil
}

// Update answers PUT /workflows/:id/versions/:version.
func (h *WorkflowVersion) Update(c *gin.Context) error {
	number, err := versionNumber(c.Param("version"))
	if err != nil {
		return err
	}
	var in models.VersionNotes
	if err := decode(c, &in); err != nil {
		return err
	}
	v, err := h.svc.SetNotes(c.Request.Context(), caller(c).UserID, c.Param("id"), number, in)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "version updated", "version": v})
	return nil
}

// Restore answers POST /workflows/:id/versions/:version/restore.
func (h *WorkflowVersion) Restore(c *gin.Context) error {
	number, err := versionNumber(c.Param("version"))
	if err != nil {
		return err
	}
	v, w, err := h.svc.Restore(c.Request.Context(), caller(c).UserID, c.Param("id"), number, ifMatch(c))
	if err != nil {
		return err
	}
	setETag(c, w.Revision)
	c.JSON(http.StatusOK, gin.H{"message": "version " + strconv.Itoa(number) + " restored", "version": v, "workflow": w})
	return nil
}

func versionNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, &models.Error{Op: "handlers.WorkflowVersion", Kind: models.Invalid, Msg: "a version is a number from 1"}
	}
	return n, nil
}

// Delete answers DELETE /workflows/:id/versions/:version.
func (h *WorkflowVersion) Delete(c *gin.Context) error {
	number, err := versionNumber(c.Param("version"))
	if err != nil {
		return err
	}
	if err := h.svc.Delete(c.Request.Context(), caller(c).UserID, c.Param("id"), number); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "version deleted"})
	return nil
}
