package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/kubeorch/core/models"
)

type workflowReader interface {
	List(ctx context.Context, owner string) ([]models.WorkflowSummary, error)
	Document(ctx context.Context, owner, id string) (models.WorkflowDocument, error)
}

type workflowWriter interface {
	Create(ctx context.Context, owner string, in models.WorkflowInput) (models.Workflow, error)
	Clone(ctx context.Context, owner, id string, in models.WorkflowClone) (w models.Workflow, renamed bool, err error)
	Update(ctx context.Context, owner, id string, p models.WorkflowPatch) (w models.Workflow, warning string, err error)
	Retire(ctx context.Context, owner, id string, d models.WorkflowDeletion) (left, warning string, err error)
	Restore(ctx context.Context, owner, id string) (models.Workflow, error)
}

// workflows is what these handlers need.
type workflows interface {
	workflowReader
	workflowWriter
}

// statusKeepers bring the stored statuses of a workflow up to date. Look does not
// wait for that.
type statusKeepers interface{ Look(workflowID string) }

// Workflow serves /workflows.
type Workflow struct {
	svc      workflows
	statuses statusKeepers
}

// NewWorkflow returns handlers that act through svc. They tell statuses which
// workflows are read.
func NewWorkflow(svc workflows, statuses statusKeepers) *Workflow { return &Workflow{svc, statuses} }

// Create answers POST /workflows.
func (h *Workflow) Create(c *gin.Context) error {
	var in models.WorkflowInput
	if err := decode(c, &in); err != nil {
		return err
	}
	w, err := h.svc.Create(c.Request.Context(), caller(c).UserID, in)
	if err != nil {
		return err
	}
	setETag(c, w.Revision)
	c.JSON(http.StatusCreated, gin.H{"id": w.ID, "message": "workflow created", "workflow": w})
	return nil
}

// List answers GET /workflows.
func (h *Workflow) List(c *gin.Context) error {
	list, err := h.svc.List(c.Request.Context(), caller(c).UserID)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"workflows": list})
	return nil
}

// Get answers GET /workflows/:id. The statuses of nodes are those that are stored;
// if nobody has looked for a while, the cluster is read now, and the next answer has
// the present ones.
func (h *Workflow) Get(c *gin.Context) error {
	id := c.Param("id")
	doc, err := h.svc.Document(c.Request.Context(), caller(c).UserID, id)
	if err != nil {
		return err
	}
	h.statuses.Look(id)
	setETag(c, doc.Revision)
	writeJSON(c, doc.Body)
	return nil
}

// Update answers PUT /workflows/:id.
func (h *Workflow) Update(c *gin.Context) error {
	var p models.WorkflowPatch
	if err := decode(c, &p); err != nil {
		return err
	}
	w, _, err := h.update(c, p)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, w)
	return nil
}

// Save answers POST /workflows/:id/save. Both lists are required, so that an
// empty body cannot wipe a drawing.
func (h *Workflow) Save(c *gin.Context) error {
	var in struct {
		Nodes       *[]models.Node `json:"nodes"`
		Edges       *[]models.Edge `json:"edges"`
		Description *string        `json:"description"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	var p models.Problems
	if in.Nodes == nil {
		p.Addf("nodes", "is required; send [] for an empty drawing")
	}
	if in.Edges == nil {
		p.Addf("edges", "is required; send [] for a drawing without edges")
	}
	if err := p.Err("handlers.Workflow.Save"); err != nil {
		return err
	}
	w, _, err := h.update(c, models.WorkflowPatch{Nodes: in.Nodes, Edges: in.Edges, Description: in.Description})
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "workflow saved", "workflow": w})
	return nil
}

// SetStatus answers PUT /workflows/:id/status.
func (h *Workflow) SetStatus(c *gin.Context) error {
	var in struct {
		Status        string `json:"status"`
		DeleteAdopted bool   `json:"deleteAdopted"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	w, warning, err := h.update(c, models.WorkflowPatch{Status: &in.Status, DeleteAdopted: in.DeleteAdopted})
	if err != nil {
		return err
	}
	answer := gin.H{"message": "workflow is now " + w.Status}
	if warning != "" {
		answer["warning"] = warning
	}
	c.JSON(http.StatusOK, answer)
	return nil
}

func (h *Workflow) update(c *gin.Context, p models.WorkflowPatch) (models.Workflow, string, error) {
	p.IfRevision = ifMatch(c)
	w, warning, err := h.svc.Update(c.Request.Context(), caller(c).UserID, c.Param("id"), p)
	if err == nil {
		setETag(c, w.Revision)
	}
	return w, warning, err
}

// Delete answers DELETE /workflows/:id, with permanent=true also for deleted ones.
// With teardown=true what it has in clusters is removed first.
func (h *Workflow) Delete(c *gin.Context) error {
	id, d := c.Param("id"), models.WorkflowDeletion{
		Permanent: c.Query("permanent") == "true", TearDown: c.Query("teardown") == "true", DeleteAdopted: c.Query("deleteAdopted") == "true",
	}
	left, warning, err := h.svc.Retire(c.Request.Context(), caller(c).UserID, id, d)
	if err != nil {
		return err
	}
	message := "workflow deleted for good"
	if !d.Permanent {
		message = "workflow deleted; POST /workflows/" + id + "/restore takes that back for a while"
	}
	if left != "" {
		message += "; it leaves " + left
		if !d.Permanent {
			message += ", which GET /workflows/" + id + "/leftovers lists"
		}
	}
	answer := gin.H{"message": message}
	if warning != "" {
		answer["warning"] = warning
	}
	c.JSON(http.StatusOK, answer)
	return nil
}

// Restore answers POST /workflows/:id/restore.
func (h *Workflow) Restore(c *gin.Context) error {
	w, err := h.svc.Restore(c.Request.Context(), caller(c).UserID, c.Param("id"))
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, gin.H{"message": "workflow restored", "workflow": w})
	return nil
}

// Clone answers POST /workflows/:id/clone.
func (h *Workflow) Clone(c *gin.Context) error {
	var in models.WorkflowClone
	if err := decode(c, &in); err != nil {
		return err
	}
	w, renamed, err := h.svc.Clone(c.Request.Context(), caller(c).UserID, c.Param("id"), in)
	if err != nil {
		return err
	}
	message := "workflow cloned; its nodes have the names of the original"
	if renamed {
		message = "workflow cloned; its nodes have new names, check texts that mention the former ones"
	}
	setETag(c, w.Revision)
	c.JSON(http.StatusCreated, gin.H{"id": w.ID, "workflow": w, "message": message})
	return nil
}
