package cluster

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/kubeorch/core/models"
)

// diary writes down what is done with clusters.
type diary interface {
	Add(ctx context.Context, e models.ClusterLogEntry)
}

// LoggedService is the service as people use it: what they change is written
// into the log of the cluster, and where they ask for it the control plane is
// opened to ordinary work. What fails changes nothing and is not written down,
// except tests.
type LoggedService struct {
	*Service

	diary diary
}

// NewLoggedService returns clusters with a log.
func NewLoggedService(clusters *Service, diary diary) *LoggedService {
	return &LoggedService{clusters, diary}
}

// Add registers a cluster; see Service.
func (l *LoggedService) Add(ctx context.Context, owner string, in models.ClusterInput) (models.Cluster, error) {
	c, err := l.Service.Add(ctx, owner, in)
	if err != nil {
		return c, err
	}
	l.diary.Add(ctx, models.ClusterLogEntry{
		ClusterID: c.ID, Action: models.ClusterLogAdded, Success: true, Message: "the cluster was added",
		Details: map[string]string{"status": c.Status}, Timestamp: c.CreatedAt, // the check came later
	})
	switch {
	case !in.SingleNode:
	case c.Status == models.ClusterConnected:
		c.Notice = l.singleNode(ctx, c, true)
	default:
		c.Notice = "the control plane is left as it is, since the cluster is not connected; save again once it is"
	}
	return c, nil
}

// Update changes a cluster; see Service. A SingleNode that is
// true opens the control plane, and one that turns false closes it again.
func (l *LoggedService) Update(ctx context.Context, owner, name string, p models.ClusterPatch) (models.Cluster, error) {
	g, err := l.users.Access.Require(ctx, owner, name, models.ClusterManage)
	if err != nil {
		return models.Cluster{}, err
	}
	c, err := l.Service.Update(ctx, owner, name, p)
	if err != nil {
		return c, err
	}
	e := models.ClusterLogEntry{
		ClusterID: c.ID, Action: models.ClusterLogUpdated, Success: true, Message: "the cluster was changed",
		Details: map[string]string{"fields": strings.Join(mentioned(p), ", "), "status": c.Status}, Timestamp: c.UpdatedAt,
	}
	if typesSecrets(p.Credentials) {
		e.Action, e.Message = models.ClusterLogCredentials, "the credentials were changed"
	}
	l.diary.Add(ctx, e)
	if p.SingleNode != nil && (*p.SingleNode || g.Cluster.SingleNode) {
		c.Notice = l.singleNode(ctx, c, *p.SingleNode)
	}
	return c, nil
}

// SetDefault makes a cluster the user's default; see Service.
func (l *LoggedService) SetDefault(ctx context.Context, userID, name string) error {
	g, err := l.users.Access.Require(ctx, userID, name, models.ClusterRead)
	if err != nil {
		return err
	}
	if err := l.Service.SetDefault(ctx, userID, name); err != nil {
		return err
	}
	l.diary.Add(ctx, models.ClusterLogEntry{
		ClusterID: g.Cluster.ID, Action: models.ClusterLogDefault, Success: true, Message: "the cluster was made somebody's default",
	})
	return nil
}

// Test asks a cluster whether it answers; see Service.
func (l *LoggedService) Test(ctx context.Context, userID, name string) (models.ClusterTest, error) {
	g, err := l.users.Access.Require(ctx, userID, name, models.ClusterProbe)
	if err != nil {
		return models.ClusterTest{}, err
	}
	t, err := l.Service.Test(ctx, userID, name)
	if err != nil {
		return t, err
	}
	e := models.ClusterLogEntry{
		ClusterID: g.Cluster.ID, Action: models.ClusterLogTested, Success: t.OK(), Error: t.Message,
		Message: "the cluster was tested and answers", Details: map[string]string{"status": t.Status},
	}
	if !t.OK() {
		e.Message = "the cluster was tested and the test failed"
	}
	l.diary.Add(ctx, e)
	return t, nil
}

// mentioned names the fields that p changes, none of their values.
func mentioned(p models.ClusterPatch) (fields []string) {
	v := reflect.ValueOf(p)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			fields = append(fields, v.Type().Field(i).Tag.Get("json"))
		}
	}
	return fields
}

// typesSecrets reports whether somebody typed more than what forms always send.
func typesSecrets(cred *models.ClusterCredentials) bool {
	if cred == nil {
		return false
	}
	typed := *cred
	typed.Namespace, typed.Insecure = "", false
	return !reflect.ValueOf(typed).IsZero()
}

// maxNodeNames bounds how many nodes are named in a text.
const maxNodeNames = 5

// singleNode opens the control plane of c to ordinary work, or closes it again,
// and returns what a person should know of it. That it cannot be done, say
// without the right to change nodes, is told and no error: what was asked for
// besides has been done.
func (l *LoggedService) singleNode(ctx context.Context, c models.Cluster, on bool) (notice string) {
	did, could := "the control plane's taints were removed from ", "removed"
	if !on {
		did, could = "the control plane's taints were put back on ", "put back"
	}
	nodes, err := l.changeControlPlane(ctx, c, on)
	if len(nodes) == 0 && err == nil {
		return ""
	}
	e := models.ClusterLogEntry{
		ClusterID: c.ID, Action: models.ClusterLogTaints, Success: err == nil,
		Details: map[string]string{"singleNode": fmt.Sprint(on), "nodes": nodeNames(nodes)},
	}
	var told []string
	if len(nodes) > 0 {
		told = append(told, did+nodeNames(nodes))
		models.NoteForAudit(ctx, "taints "+could, nodeNames(nodes))
	}
	if err != nil {
		e.Error, e.Level = models.MessageOf(err), models.LogWarning
		told = append(told, "the control plane's taints could not be "+could+": "+e.Error)
		models.NoteForAudit(ctx, "taints", "could not be "+could)
	}
	e.Message = strings.Join(told, "; ")
	l.diary.Add(ctx, e)
	return e.Message
}

// changeControlPlane goes on when ctx ends: half a change is none that anybody
// asked for.
func (l *LoggedService) changeControlPlane(ctx context.Context, c models.Cluster, on bool) (nodes []string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), testTime)
	defer cancel()
	conn, err := l.ConnectionByID(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	if on {
		return conn.OpenControlPlane(ctx)
	}
	return conn.CloseControlPlane(ctx)
}

func nodeNames(nodes []string) string {
	if len(nodes) <= maxNodeNames {
		return strings.Join(nodes, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(nodes[:maxNodeNames], ", "), len(nodes)-maxNodeNames)
}
