package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

const (
	usersPerPage    = 20
	maxUsersPerPage = 100
	maxUserPages    = 1_000_000
)

// userAccounts reads accounts for administrators.
type userAccounts interface {
	List(ctx context.Context, q models.UserQuery) (models.UserPage, error)
	Get(ctx context.Context, id string) (models.ManagedUser, error)
	Owned(ctx context.Context, id string) (models.Owned, error)
}

// userChanges changes accounts for administrators.
type userChanges interface {
	SetRole(ctx context.Context, id string, in models.RoleInput) (models.ManagedUser, error)
	Disable(ctx context.Context, id string) (models.ManagedUser, error)
	Enable(ctx context.Context, id string) (models.ManagedUser, error)
	Delete(ctx context.Context, id string, d models.UserDeletion) (message string, err error)
}

// managedUsers is what these handlers need of the accounts.
type managedUsers interface {
	userAccounts
	userChanges
}

// User serves /admin/users.
type User struct{ svc managedUsers }

// NewUser returns handlers that act through svc.
func NewUser(svc managedUsers) *User { return &User{svc} }

// List answers GET /admin/users.
func (h *User) List(c *gin.Context) error {
	page, err := h.svc.List(c.Request.Context(), models.UserQuery{
		Search: c.Query("search"), Role: c.Query("role"), Status: c.Query("status"),
		Page: queryInt(c, "page", 1, maxUserPages), Limit: queryInt(c, "limit", usersPerPage, maxUsersPerPage),
	})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, page)
	return nil
}

// Get answers GET /admin/users/:id.
func (h *User) Get(c *gin.Context) error {
	return answerUser(c, h.svc.Get)
}

// Owned answers GET /admin/users/:id/owned.
func (h *User) Owned(c *gin.Context) error {
	owned, err := h.svc.Owned(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, owned)
	return nil
}

// SetRole answers PUT /admin/users/:id/role.
func (h *User) SetRole(c *gin.Context) error {
	var in models.RoleInput
	if err := decode(c, &in); err != nil {
		return err
	}
	return answerUser(c, func(ctx context.Context, id string) (models.ManagedUser, error) {
		return h.svc.SetRole(ctx, id, in)
	})
}

// Disable answers POST /admin/users/:id/disable.
func (h *User) Disable(c *gin.Context) error { return answerUser(c, h.svc.Disable) }

// Enable answers POST /admin/users/:id/enable.
func (h *User) Enable(c *gin.Context) error { return answerUser(c, h.svc.Enable) }

// Delete answers DELETE /admin/users/:id.
func (h *User) Delete(c *gin.Context) error {
	d := models.UserDeletion{Owned: c.Query("owned"), TransferTo: c.Query("transferTo")}
	message, err := h.svc.Delete(c.Request.Context(), c.Param("id"), d)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": message})
	return nil
}

// answerUser answers with the account that f returns for the id in the path.
func answerUser(c *gin.Context, f func(ctx context.Context, id string) (models.ManagedUser, error)) error {
	u, err := f(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"user": u})
	return nil
}
