package cluster

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubeorch/core/models"
)

// maxNodeNames bounds how many nodes are named in a text.
const maxNodeNames = 5

// singleNode removes the taints of the control plane of c, or puts them back,
// and returns a text about it for the user. A failure, for example for want of
// the right to change nodes, is part of the text: the rest of the request has
// been carried out.
func (s *Service) singleNode(ctx context.Context, c models.Cluster, on bool) (notice string) {
	done, verb := "the control plane's taints were removed from ", "removed"
	if !on {
		done, verb = "the control plane's taints were put back on ", "put back"
	}
	nodes, err := s.changeTaints(ctx, c, on)
	if len(nodes) == 0 && err == nil {
		return ""
	}
	e := models.ClusterLogEntry{
		ClusterID: c.ID, Action: models.ClusterLogTaints, Success: err == nil,
		Details: map[string]string{"singleNode": fmt.Sprint(on), "nodes": nodeNames(nodes)},
	}
	var texts []string
	if len(nodes) > 0 {
		texts = append(texts, done+nodeNames(nodes))
		models.NoteForAudit(ctx, "taints "+verb, nodeNames(nodes))
	}
	if err != nil {
		e.Error, e.Level = models.MessageOf(err), models.LogWarning
		texts = append(texts, "the control plane's taints could not be "+verb+": "+e.Error)
		models.NoteForAudit(ctx, "taints", "could not be "+verb)
	}
	e.Message = strings.Join(texts, "; ")
	s.deps.Entries.Add(ctx, e)
	return e.Message
}

// changeTaints goes on when ctx ends, so that all nodes end up alike.
func (s *Service) changeTaints(ctx context.Context, c models.Cluster, on bool) (nodes []string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), testTime)
	defer cancel()
	conn, err := s.ConnectionByID(ctx, c.ID)
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
