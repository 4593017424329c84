package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

type shareOwner interface {
	Share(ctx context.Context, owner, address string, in models.ClusterShareInput) (models.ClusterShareView, error)
	List(ctx context.Context, userID, address string) ([]models.ClusterShareView, error)
	Revoke(ctx context.Context, userID, address, target string) error
}

type shareReceiver interface {
	Offered(ctx context.Context, userID string) ([]models.ClusterShareView, error)
	Accept(ctx context.Context, userID, id string) (models.ClusterShareView, error)
	Decline(ctx context.Context, userID, id string) error
}

// clusterShares is what these handlers need.
type clusterShares interface {
	shareOwner
	shareReceiver
}

// ClusterShare serves the shares of clusters.
type ClusterShare struct{ svc clusterShares }

// NewClusterShare returns handlers that act through svc.
func NewClusterShare(svc clusterShares) *ClusterShare { return &ClusterShare{svc} }

// Create answers POST /clusters/:name/share. The answer to an e-mail address is
// the same whether or not it has an account.
func (h *ClusterShare) Create(c *gin.Context) error {
	var in models.ClusterShareInput
	if err := decode(c, &in); err != nil {
		return err
	}
	sh, err := h.svc.Share(c.Request.Context(), caller(c).UserID, c.Param("name"), in)
	if err != nil {
		return err
	}
	msg := "the cluster is offered and shared as soon as that is accepted"
	if sh.Status == models.ShareAccepted {
		msg = "the cluster is shared"
	}
	c.JSON(http.StatusOK, gin.H{"message": msg, "cluster": sh.Cluster, "share": sh})
	return nil
}

// List answers GET /clusters/:name/shares.
func (h *ClusterShare) List(c *gin.Context) error {
	list, err := h.svc.List(c.Request.Context(), caller(c).UserID, c.Param("name"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"shares": list})
	return nil
}

// Offered answers GET /clusters/shares.
func (h *ClusterShare) Offered(c *gin.Context) error {
	list, err := h.svc.Offered(c.Request.Context(), caller(c).UserID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"shares": list})
	return nil
}

// Accept answers POST /clusters/shares/:id/accept.
func (h *ClusterShare) Accept(c *gin.Context) error {
	sh, err := h.svc.Accept(c.Request.Context(), caller(c).UserID, c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "cluster accepted", "cluster": sh.Cluster, "share": sh})
	return nil
}

// Decline answers POST /clusters/shares/:id/decline.
func (h *ClusterShare) Decline(c *gin.Context) error {
	if err := h.svc.Decline(c.Request.Context(), caller(c).UserID, c.Param("id")); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "cluster declined"})
	return nil
}

// Revoke answers DELETE /clusters/:name/shares/:userId.
func (h *ClusterShare) Revoke(c *gin.Context) error {
	name := c.Param("name")
	if err := h.svc.Revoke(c.Request.Context(), caller(c).UserID, name, c.Param("userId")); err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "the cluster is not shared any more", "cluster": name})
	return nil
}
