package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// readLogs follows the logs of a resource. The events come without blank lines.
func (p *person) readLogs(t *testing.T, id, query string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+api+"/resources/"+id+"/logs/stream?"+query, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+p.token)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	events := make(chan string)
	go func() {
		defer close(events)
		defer func() { _ = res.Body.Close() }()
		from := bufio.NewReader(res.Body)
		for block := ""; ; {
			line, err := from.ReadString('\n')
			switch {
			case err != nil:
				return
			case line != "\n":
				block += line
				continue
			}
			select {
			case events <- strings.TrimSpace(block):
			case <-ctx.Done():
				return
			}
			block = ""
		}
	}()
	return events
}

// The logs of all pods of a Deployment arrive in one stream, which ends with the
// session, and with the share, of whoever reads them.
func TestLogsOfADeployment(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	ns := c.Namespace(t)
	s := start(t, "INVENTORY", "true")
	ann, bob := s.ann(), s.bob()
	ann.addCluster(t, c)
	ann.share(t, bob, "viewer", ns)
	deploy(t, c, ns, "web", 2)
	web := ann.resource(t, "type=Deployment&namespace="+ns, "running")
	kubetest.Eventually(t, "its pods", func(context.Context) error {
		if got := ann.ask(t, http.StatusOK, "GET", "/resources/"+web+"/pods", nil)["count"]; got != 2.0 {
			return fmt.Errorf("there are %v", got)
		}
		return nil
	})

	again := s.signIn(t, "ann@example.org", "secret1", "e2e")
	mine, theirs := again.readLogs(t, web, "tail=50"), bob.readLogs(t, web, "tail=50")
	line := regexp.MustCompile(`(?s)^id: \S+\nevent: log\ndata: \d{4}-\S+Z \[(web-[a-z0-9-]+)\] .+$`)
	for _, events := range []<-chan string{mine, theirs} {
		require.Regexp(t, "^event: metadata\ndata: {.*\"cluster\":\"dev\"", <-events)
		pods := map[string]bool{}
		for len(pods) < 2 {
			event, open := <-events
			require.True(t, open)
			found := line.FindStringSubmatch(event)
			require.NotNil(t, found, event)
			pods[found[1]] = true
		}
	}
	end := func(events <-chan string) (last string) {
		for event := range events {
			last = event
		}
		return last
	}
	again.ask(t, http.StatusOK, "POST", "/auth/logout", nil)
	require.Equal(t, "event: complete\ndata: the session has ended", end(mine))
	ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+bob.id(t), nil)
	require.Equal(t, "event: complete\ndata: the access has ended", end(theirs))

	for query, status := range map[string]int{
		"tail=-1": 400, "sinceSeconds=3153600000": 400, "container=nope": 400, "previous=true": 400,
	} {
		require.Equal(t, status, s.call(t, "GET", "/v1/api/resources/"+web+"/logs/stream?follow=false&"+query, ann.token, "").StatusCode, query)
	}
	file := s.call(t, "GET", "/v1/api/resources/"+web+"/logs/download?filter=LINE", ann.token, "")
	require.Equal(t, http.StatusOK, file.StatusCode)
	require.Contains(t, file.Header.Get("Content-Disposition"), "attachment")
	require.NotEmpty(t, file.text)
}
