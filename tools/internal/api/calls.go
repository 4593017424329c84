package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// SignIn logs in, after registering the account if the server has none with that
// address.
func (c *Client) SignIn(ctx context.Context, email, password string) error {
	login := map[string]string{"email": email, "password": password, "name": "Demo"}
	var out struct{ Token string }
	err := c.Do(ctx, http.MethodPost, "/auth/login", login, &out)
	var se *StatusError
	if errors.As(err, &se) && se.Status == http.StatusUnauthorized {
		err = c.Do(ctx, http.MethodPost, "/auth/register", login, &out)
	}
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	c.Token = out.Token
	return nil
}

// AddCluster registers a cluster by its kubeconfig under name. It replaces one with
// that name, since the ports of a dev cluster may change.
func (c *Client) AddCluster(ctx context.Context, name, server, kubeconfig string) error {
	var se *StatusError
	err := c.Do(ctx, http.MethodDelete, "/clusters/"+name, nil, nil)
	if err != nil && (!errors.As(err, &se) || se.Status != http.StatusNotFound) {
		return fmt.Errorf("replace cluster: %w", err)
	}
	var out struct {
		Status  string
		Message string
	}
	err = c.Do(ctx, http.MethodPost, "/clusters", map[string]any{
		"name": name, "server": server, "authType": "kubeconfig",
		"credentials": map[string]any{"kubeconfig": kubeconfig},
	}, &out)
	if err != nil {
		return fmt.Errorf("add cluster: %w", err)
	}
	if out.Status != "connected" {
		return fmt.Errorf("add cluster: %s: %s", out.Status, out.Message)
	}
	return nil
}

// Graph is a drawing as files in docs/examples hold it.
type Graph struct {
	Name        string           `json:"name,omitempty"`
	Description string           `json:"description,omitempty"`
	Nodes       []map[string]any `json:"nodes"`
	Edges       []map[string]any `json:"edges"`
}

// Workflow returns the id of the caller's workflow with that name, and creates one
// on cluster if there is none.
func (c *Client) Workflow(ctx context.Context, g Graph, cluster string) (string, error) {
	var list struct {
		Workflows []struct{ ID, Name string }
	}
	if err := c.Do(ctx, http.MethodGet, "/workflows", nil, &list); err != nil {
		return "", fmt.Errorf("list workflows: %w", err)
	}
	for _, w := range list.Workflows {
		if w.Name == g.Name {
			return w.ID, nil
		}
	}
	var made struct{ ID string }
	err := c.Do(ctx, http.MethodPost, "/workflows", map[string]any{
		"name": g.Name, "description": g.Description, "cluster_id": cluster,
	}, &made)
	if err != nil {
		return "", fmt.Errorf("create workflow: %w", err)
	}
	return made.ID, nil
}

// Save stores the drawing and publishes it, so that it can run.
func (c *Client) Save(ctx context.Context, id string, g Graph) error {
	body := map[string]any{"nodes": g.Nodes, "edges": g.Edges}
	if err := c.Do(ctx, http.MethodPost, "/workflows/"+id+"/save", body, nil); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	err := c.Do(ctx, http.MethodPut, "/workflows/"+id+"/status", map[string]string{"status": "published"}, nil)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// RunResult is the answer of a run.
type RunResult struct {
	RunID  string `json:"run_id"`
	Status string `json:"status"`
	Logs   []string
}

// runPoll is the pause between two looks at a run that goes on. The server answers
// runs that take less than 20 s when they have ended.
const runPoll = 100 * time.Millisecond

// Run executes a saved workflow and waits for its end; values holds what is typed
// at run time.
func (c *Client) Run(ctx context.Context, id string, values any) (RunResult, error) {
	var out RunResult
	if values == nil {
		values = map[string]any{}
	}
	err := c.Do(ctx, http.MethodPost, "/workflows/"+id+"/run", map[string]any{"trigger_data": values}, &out)
	for err == nil && out.Status == "running" {
		select {
		case <-time.After(runPoll):
			err = c.Do(ctx, http.MethodGet, "/workflows/"+id+"/runs/"+out.RunID, nil, &out)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		return out, fmt.Errorf("run: %w", err)
	}
	return out, nil
}
