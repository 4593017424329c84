package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

type clusterReader interface {
	ListJSON(ctx context.Context, owner string) ([]byte, error)
	Get(ctx context.Context, owner, name string) (models.Cluster, error)
	Default(ctx context.Context, owner string) (models.Cluster, error)
	Status(ctx context.Context, owner, name string) (models.ClusterStatus, error)
}

type clusterWriter interface {
	Add(ctx context.Context, owner string, in models.ClusterInput) (models.Cluster, error)
	Update(ctx context.Context, owner, name string, p models.ClusterPatch) (models.Cluster, error)
	Delete(ctx context.Context, owner, name string) (models.ClusterDeletion, error)
	SetDefault(ctx context.Context, owner, name string) error
}

type clusterProber interface {
	Test(ctx context.Context, owner, name string) (models.ClusterTest, error)
	Refresh(ctx context.Context, owner, name string) (models.ClusterMetadata, error)
}

// clusters is what these handlers need.
type clusters interface {
	clusterReader
	clusterWriter
	clusterProber
}

// Cluster serves /clusters.
type Cluster struct{ svc clusters }

// NewCluster returns handlers that act through svc.
func NewCluster(svc clusters) *Cluster { return &Cluster{svc} }

// Create answers POST /clusters. The cluster is stored even when its test
// fails. The answer's status field is connected or error; the status of the
// cluster in it names the kind of failure.
func (h *Cluster) Create(c *gin.Context) error {
	var in models.ClusterInput
	if err := decode(c, &in); err != nil {
		return err
	}
	cl, err := h.svc.Add(c.Request.Context(), caller(c).UserID, in)
	if err != nil {
		return err
	}
	msg, status := "cluster added and connected", models.ClusterConnected
	if cl.LastError != "" {
		msg, status = "cluster added, but the connection failed: "+cl.LastError, models.ClusterError
	}
	c.JSON(http.StatusCreated, gin.H{"message": withNotice(msg, cl), "cluster": cl, "status": status})
	return nil
}

// withNotice appends the notice of c to msg.
func withNotice(msg string, c models.Cluster) string {
	if c.Notice == "" {
		return msg
	}
	return msg + "; " + c.Notice
}

// List answers GET /clusters.
func (h *Cluster) List(c *gin.Context) error {
	list, err := h.svc.ListJSON(c.Request.Context(), caller(c).UserID)
	if err != nil {
		return err
	}
	writeJSON(c, list)
	return nil
}

// Default answers GET /clusters/default.
func (h *Cluster) Default(c *gin.Context) error {
	cl, err := h.svc.Default(c.Request.Context(), caller(c).UserID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, cl)
	return nil
}

// Get answers GET /clusters/:name.
func (h *Cluster) Get(c *gin.Context) error {
	cl, err := h.svc.Get(c.Request.Context(), caller(c).UserID, c.Param("name"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, cl)
	return nil
}

// Update answers PUT /clusters/:name.
func (h *Cluster) Update(c *gin.Context) error {
	var p models.ClusterPatch
	if err := decode(c, &p); err != nil {
		return err
	}
	cl, err := h.svc.Update(c.Request.Context(), caller(c).UserID, c.Param("name"), p)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": withNotice("cluster updated", cl), "cluster": cl, "status": cl.Status})
	return nil
}

// UpdateCredentials answers PUT /clusters/:name/credentials.
func (h *Cluster) UpdateCredentials(c *gin.Context) error {
	var in struct {
		Credentials *models.ClusterCredentials `json:"credentials"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	if in.Credentials == nil {
		return badBody("field credentials is required", nil)
	}
	cl, err := h.svc.Update(c.Request.Context(), caller(c).UserID, c.Param("name"), models.ClusterPatch{Credentials: in.Credentials})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "credentials updated", "cluster": cl.Name, "status": cl.Status})
	return nil
}

// Delete answers DELETE /clusters/:name.
func (h *Cluster) Delete(c *gin.Context) error {
	deletion, err := h.svc.Delete(c.Request.Context(), caller(c).UserID, c.Param("name"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, deletion)
	return nil
}

// SetDefault answers PUT /clusters/:name/default.
func (h *Cluster) SetDefault(c *gin.Context) error {
	name := c.Param("name")
	if err := h.svc.SetDefault(c.Request.Context(), caller(c).UserID, name); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "default cluster set", "cluster": name})
	return nil
}

// Test answers POST /clusters/:name/test. A failed test is answered 503 with the
// cluster's name beside the error, which Handle would not write.
func (h *Cluster) Test(c *gin.Context) error {
	t, err := h.svc.Test(c.Request.Context(), caller(c).UserID, c.Param("name"))
	if err != nil {
		return err
	}
	if !t.OK() {
		failed := &models.Error{Op: "handlers.Cluster.Test", Kind: models.Unavailable, Msg: t.Message}
		c.JSON(statusOf(failed.Kind), testFailure{errorBody(failed), t.Cluster, "failed"})
		return nil
	}
	c.JSON(http.StatusOK, gin.H{"message": "the cluster answers", "cluster": t.Cluster, "status": t.Status})
	return nil
}

// testFailure is an error body that also names the cluster.
type testFailure struct {
	body

	Cluster string `json:"cluster"`
	Status  string `json:"status"`
}

// Refresh answers POST /clusters/:name/refresh.
func (h *Cluster) Refresh(c *gin.Context) error {
	m, err := h.svc.Refresh(c.Request.Context(), caller(c).UserID, c.Param("name"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "metadata refreshed", "metadata": m})
	return nil
}

// Status answers GET /clusters/:name/status.
func (h *Cluster) Status(c *gin.Context) error {
	st, err := h.svc.Status(c.Request.Context(), caller(c).UserID, c.Param("name"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, st)
	return nil
}
