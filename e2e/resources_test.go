package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubeorch/core/pkg/kubernetes/kubetest"
)

// deploy makes a Deployment with so many pods in a namespace of a cluster.
func deploy(t *testing.T, c *kubetest.Cluster, namespace, name string, replicas int32) {
	t.Helper()
	labels := map[string]string{"app": name}
	_, err := c.Client().AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "nginx:1"}}},
			},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// resources returns the rows of a list.
func (p *person) resources(t *testing.T, query string) (rows []object) {
	t.Helper()
	for _, r := range p.ask(t, http.StatusOK, "GET", "/resources?"+query+"&limit=100", nil)["resources"].([]any) {
		rows = append(rows, r.(object))
	}
	return rows
}

// resource waits until the one object that a query selects has a status, and returns
// its id.
func (p *person) resource(t *testing.T, query, status string) (id string) {
	t.Helper()
	kubetest.Eventually(t, "one resource", func(context.Context) error {
		rows := p.resources(t, query)
		if len(rows) != 1 || rows[0]["status"] != status {
			return fmt.Errorf("there are %v", rows)
		}
		id = rows[0]["id"].(string)
		return nil
	})
	return id
}

func TestResourcesOfACluster(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	ns := c.Namespace(t)
	dir := dataDir(t)
	s := startIn(t, dir, "INVENTORY", "true")
	ann, bob := s.ann(), s.bob()
	ann.addCluster(t, c)
	deploy(t, c, ns, "web", 2)
	web := ann.resource(t, "type=Deployment&namespace="+ns, "running")

	kubetest.Eventually(t, "its pods", func(context.Context) error {
		got := ann.ask(t, http.StatusOK, "GET", "/resources/"+web+"/pods", nil)
		if got["count"] != 2.0 || len(got["pods"].([]any)) != 2 || got["parent"].(object)["id"] != web {
			return fmt.Errorf("they are %v", got)
		}
		return nil
	})
	detail := ann.ask(t, http.StatusOK, "GET", "/resources/"+web, nil)
	require.EqualValues(t, 2, detail["resource"].(object)["spec"].(object)["replicas"])
	history := detail["history"].([]any)
	require.Equal(t, "created", history[len(history)-1].(object)["action"])
	for _, h := range history {
		for field, change := range h.(object)["changes"].(object) {
			require.IsType(t, object{}, change, field)
		}
	}

	t.Run("lists are sorted, searched and paged", func(t *testing.T) {
		names := func(query string) (list []string) {
			for _, r := range ann.resources(t, "namespace="+ns+"&"+query) {
				list = append(list, r["type"].(string)+" "+r["name"].(string))
			}
			return list
		}
		up, down := names("sort_by=name"), names("sort_by=name&sort_order=desc")
		slices.Reverse(down)
		require.Equal(t, up, down)
		require.Contains(t, names("search=WEB"), "Deployment web")
		require.Empty(t, names("search="+url.QueryEscape("w.b")))
		require.Empty(t, names("search="+url.QueryEscape("(")))
		require.Equal(t, up[1:2], names("sort_by=name&limit=1&offset=1"))
	})
	t.Run("nobody else sees them", func(t *testing.T) {
		require.Empty(t, bob.resources(t, ""))
		for _, path := range []string{"", "/pods", "/stream"} {
			bob.ask(t, http.StatusNotFound, "GET", "/resources/"+web+path, nil)
		}
		bob.ask(t, http.StatusNotFound, "PATCH", "/resources/"+web, object{"isFavorite": true})
	})
	t.Run("a share for a namespace shows that one, while it lasts", func(t *testing.T) {
		ann.share(t, bob, "viewer", ns)
		rows := bob.resources(t, "")
		require.NotEmpty(t, rows)
		for _, r := range rows {
			require.Equal(t, ns, r["namespace"])
		}
		read := bob.stream(t, "/resources/"+web+"/stream")
		ann.ask(t, http.StatusOK, "DELETE", "/clusters/dev/shares/"+bob.id(t), nil)
		withdrawn := time.Now()
		<-read.done
		require.Less(t, time.Since(withdrawn), 5*time.Second) // one, where nothing else happens
		require.Empty(t, bob.resources(t, ""))
	})

	read := ann.stream(t, "/resources/"+web+"/stream")
	require.Equal(t, "metadata", read.seen()[0].name)
	require.NoError(t, c.Client().AppsV1().Deployments(ns).Delete(t.Context(), "web", metav1.DeleteOptions{}))
	read.until(t, "its deletion", func() error {
		last := read.events[len(read.events)-1]
		if last.name != "status_update" || last.data != `{"status":{"state":"deleted"}}` {
			return fmt.Errorf("the last event is %v", last)
		}
		return nil
	})
	ann.ask(t, http.StatusOK, "PATCH", "/resources/"+web, object{"isFavorite": true})

	// What happens while the server is dead is found, and the records are the same.
	s.kill(t)
	deploy(t, c, ns, "web", 1)
	s = startIn(t, dir, "INVENTORY", "true")
	ann = ann.on(s)
	require.Equal(t, web, ann.resource(t, "type=Deployment&namespace="+ns, "running"))
	detail = ann.ask(t, http.StatusOK, "GET", "/resources/"+web, nil)
	require.Equal(t, true, detail["resource"].(object)["isFavorite"])
	require.NotContains(t, detail["resource"], "deletedAt")
	kubetest.Eventually(t, "an end of the pods before", func(context.Context) error {
		if rows := ann.resources(t, "type=Pod&namespace="+ns); len(rows) != 1 {
			return fmt.Errorf("there are %v", rows)
		}
		return nil
	})
}

// A resource is watched at one server and read at another, also after the first one
// was killed.
func TestResourcesOfSeveralServers(t *testing.T) {
	t.Parallel()
	c := shared.Cluster(t)
	ns := c.Namespace(t)
	s := startServers(t, 2, "INVENTORY", "true")
	ann := s.all[0].ann()
	ann.addCluster(t, c)
	deploy(t, c, ns, "web", 2)
	web := ann.resource(t, "type=Deployment&namespace="+ns, "running")
	holder := 0
	kubetest.Eventually(t, "a server that looks after the cluster", func(context.Context) error {
		for i, one := range s.all {
			if one.clusters(t) > 0 {
				holder = i
				return nil
			}
		}
		return fmt.Errorf("there is none")
	})
	other := ann.on(s.all[1-holder])
	read := other.stream(t, "/resources/"+web+"/stream")
	state := func(want string) {
		t.Helper()
		read.until(t, "the state "+want, func() error {
			last := read.events[len(read.events)-1]
			if last.name != "status_update" || last.data != `{"status":{"state":"`+want+`"}}` {
				return fmt.Errorf("the last event is %v", last)
			}
			return nil
		})
	}
	require.NoError(t, c.Client().AppsV1().Deployments(ns).Delete(t.Context(), "web", metav1.DeleteOptions{}))
	state("deleted")
	other.ask(t, http.StatusAccepted, "POST", "/resources/sync", nil)
	s.all[holder].kill(t)
	deploy(t, c, ns, "web", 1)
	state("running")
	require.Equal(t, web, other.resource(t, "type=Deployment&namespace="+ns, "running"))
}
