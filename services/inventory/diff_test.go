package inventory

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

// stateOf returns a state from YAML with the fields spec, labels, annotations, status
// and message.
func stateOf(t *testing.T, text string) *models.ResourceState {
	t.Helper()
	if text == "" {
		return nil
	}
	u := decode(t, `{apiVersion: v1, kind: State, `+text[1:])
	s := &models.ResourceState{UID: "u1", ResourceVersion: u.GetResourceVersion(), Status: "running"}
	o := object(u.Object)
	if status := o.text("status"); status != "" {
		s.Status = status
	}
	if uid := o.text("uid"); uid != "" {
		s.UID = uid
	}
	if owner := o.text("owner"); owner != "" {
		s.Owners = []models.OwnerReference{{Kind: "ReplicaSet", Name: owner}}
	}
	s.Message, s.Parent, s.Spec = o.text("message"), o.text("parent"), o.at("spec")
	fill := func(into *map[string]string, key string) {
		for k := range o.at(key) {
			if *into == nil {
				*into = map[string]string{}
			}
			(*into)[k] = o.at(key).text(k)
		}
	}
	fill(&s.Labels, "labels")
	fill(&s.Annotations, "annotations")
	return s
}

func TestDiff(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	type entry struct{ action, message, changes string }
	for name, tc := range map[string]struct {
		before, after string
		want          []entry
	}{
		"an object that was not there was created": {
			"", `{status: pending, parent: Deployment/web, spec: {containers: [{name: web, image: "nginx:1"}]}}`,
			[]entry{{
				"created", "was created by Deployment/web",
				`{"container.web.image":{"new":"nginx:1","old":null},"status":{"new":"pending","old":null}}`,
			}},
		},
		"an object that is not well when it is first seen says why": {
			"", `{status: failed, message: 0 of 2 pods ready}`,
			[]entry{{"created", "was created: 0 of 2 pods ready", `{"status":{"new":"failed","old":null}}`}},
		},
		"an object that is gone was deleted": {
			`{status: failed}`, "",
			[]entry{{"deleted", "was deleted from the cluster", `{"status":{"new":"deleted","old":"failed"}}`}},
		},
		"an object that was deleted and made again is both": {
			`{uid: u1}`, `{uid: u2, status: pending}`,
			[]entry{
				{"deleted", "was deleted from the cluster", `{"status":{"new":"deleted","old":"running"}}`},
				{"created", "was created", `{"status":{"new":"pending","old":null}}`},
			},
		},
		"nothing becomes of nothing": {"", "", nil},
		"another resource version is no change": {
			`{metadata: {resourceVersion: "1"}, spec: {replicas: 2}}`, `{metadata: {resourceVersion: "2"}, spec: {replicas: 2}}`, nil,
		},
		"another type of the same number is no change": {
			`{spec: {replicas: 2, list: [1]}}`, `{spec: {replicas: 2.0, list: [1.0]}}`, nil,
		},
		"another message is no change": {`{message: a}`, `{message: b}`, nil},
		"figures alone are no change": {
			`{spec: {readyReplicas: 1, currentCPUUtilization: 3, lastScheduleTime: a}}`,
			`{spec: {readyReplicas: 2, currentCPUUtilization: 4, lastScheduleTime: b}}`, nil,
		},
		"containers that become ready and back are no change": {
			`{spec: {containers: [{name: web, image: a, ready: true, state: running}]}}`,
			`{spec: {containers: [{name: web, image: a, ready: false, state: waiting}]}}`, nil,
		},
		"a change of the status has the figures and containers that tell why": {
			`{status: pending, spec: {readyReplicas: 0, nodeName: n1, containers: [{name: web, ready: false, state: waiting}]}}`,
			`{status: running, spec: {readyReplicas: 1, nodeName: n1, containers: [{name: web, ready: true, state: running}]}}`,
			[]entry{{
				"status_changed", "went from pending to running",
				`{"container.web.ready":{"new":true,"old":false},"container.web.state":{"new":"running","old":"waiting"},` +
					`"readyReplicas":{"new":1,"old":0},"status":{"new":"running","old":"pending"}}`,
			}},
		},
		"a change for the worse says why": {
			`{status: running}`, `{status: failed, message: the runtime is down}`,
			[]entry{{"status_changed", "went from running to failed: the runtime is down", `{"status":{"new":"failed","old":"running"}}`}},
		},
		"another number of replicas is scaling": {
			`{spec: {replicas: 2, readyReplicas: 2}}`, `{spec: {replicas: 3, readyReplicas: 2}}`,
			[]entry{{"scaled", "scaled from 2 to 3 replicas", `{"replicas":{"new":3,"old":2}}`}},
		},
		"what an autoscaler wants is scaling": {
			`{spec: {desiredReplicas: 2, currentReplicas: 2}}`, `{spec: {desiredReplicas: 4, currentReplicas: 2}}`,
			[]entry{{"scaled", "scaled from 2 to 4 replicas", `{"desiredReplicas":{"new":4,"old":2}}`}},
		},
		"another image is told by container": {
			`{spec: {containers: [{name: web, image: "nginx:1"}, {name: log, image: "fluent:1"}]}}`,
			`{spec: {containers: [{name: web, image: "nginx:2"}, {name: log, image: "fluent:1"}]}}`,
			[]entry{{
				"image_changed", "image of container web changed from nginx:1 to nginx:2",
				`{"container.web.image":{"new":"nginx:2","old":"nginx:1"}}`,
			}},
		},
		"containers come and go with their images": {
			`{spec: {containers: [{name: web, image: "nginx:1"}]}}`, `{spec: {containers: [{name: log, image: "fluent:1"}]}}`,
			[]entry{{
				"image_changed", "container log was added with image fluent:1; container web was removed",
				`{"container.log.image":{"new":"fluent:1","old":null},"container.web.image":{"new":null,"old":"nginx:1"}}`,
			}},
		},
		"containers in another order are no change": {
			`{spec: {containers: [{name: web, image: a}, {name: log, image: b}]}}`,
			`{spec: {containers: [{name: log, image: b}, {name: web, image: a}]}}`, nil,
		},
		"labels are added, removed and changed": {
			`{labels: {a: "1", b: "1"}}`, `{labels: {b: "2", c: "1"}}`,
			[]entry{{
				"labels_changed", "labels: a was removed; b changed; c was added",
				`{"labels":{"added":{"c":"1"},"changed":{"b":{"new":"2","old":"1"}},"removed":{"a":"1"}}}`,
			}},
		},
		"the first label is added": {
			`{}`, `{labels: {a: ""}}`,
			[]entry{{"labels_changed", "labels: a was added", `{"labels":{"added":{"a":""},"changed":{},"removed":{}}}`}},
		},
		"many labels are counted": {
			`{}`, `{labels: {a: "", b: "", c: "", d: "", e: ""}}`,
			[]entry{{
				"labels_changed", "labels: a was added; b was added; c was added; and 2 more",
				`{"labels":{"added":{"a":"","b":"","c":"","d":"","e":""},"changed":{},"removed":{}}}`,
			}},
		},
		"a container that started again tells what it ended with": {
			`{spec: {containers: [{name: web, restartCount: 1, ready: true, state: running}]}}`,
			`{spec: {containers: [{name: web, restartCount: 3, ready: false, state: waiting, terminationReason: OOMKilled}]}}`,
			[]entry{{
				"container_restarted", "container web was restarted; its restart count is 3, and it ended with OOMKilled",
				`{"container.web.ready":{"new":false,"old":true},"container.web.restartCount":{"new":3,"old":1},` +
					`"container.web.state":{"new":"waiting","old":"running"}}`,
			}},
		},
		"a count of restarts that falls is no restart": {
			`{spec: {containers: [{name: web, restartCount: 4}]}}`, `{spec: {containers: [{name: web, restartCount: 0}]}}`, nil,
		},
		"everything else is an update": {
			`{annotations: {note: a}, owner: web-1, spec: {nodeCapacity: {cpu: "2"}, containers: [{name: web, image: a, args: [x]}]}}`,
			`{annotations: {note: b}, owner: web-2, spec: {nodeCapacity: {cpu: "4"}, hosts: [h], containers: [{name: web, image: a, args: [z]}]}}`,
			[]entry{{
				"updated", "changed: hosts; nodeCapacity; args of container web; and 2 more",
				`{"annotations":{"added":{},"changed":{"note":{"new":"b","old":"a"}},"removed":{}},` +
					`"container.web.args":{"new":["z"],"old":["x"]},"hosts":{"new":["h"],"old":null},` +
					`"nodeCapacity":{"new":{"cpu":"4"},"old":{"cpu":"2"}},"ownerReferences":{"new":["ReplicaSet/web-2"],"old":["ReplicaSet/web-1"]}}`,
			}},
		},
		"several changes are told in the order of cause and effect": {
			`{status: running, labels: {a: "1"}, spec: {replicas: 2, schedule: x, containers: [{name: web, image: a, restartCount: 0}]}}`,
			`{status: warning, labels: {a: "2"}, spec: {replicas: 3, schedule: z, containers: [{name: web, image: b, restartCount: 1}]}}`,
			[]entry{
				{"scaled", "scaled from 2 to 3 replicas", `{"replicas":{"new":3,"old":2}}`},
				{"image_changed", "image of container web changed from a to b", `{"container.web.image":{"new":"b","old":"a"}}`},
				{"labels_changed", "labels: a changed", `{"labels":{"added":{},"changed":{"a":{"new":"2","old":"1"}},"removed":{}}}`},
				{"updated", "changed: schedule", `{"schedule":{"new":"z","old":"x"}}`},
				{"container_restarted", "container web was restarted; its restart count is 1", `{"container.web.restartCount":{"new":1,"old":0}}`},
				{"status_changed", "went from running to warning", `{"status":{"new":"warning","old":"running"}}`},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []entry
			for _, c := range Diff(stateOf(t, tc.before), stateOf(t, tc.after), at) {
				require.Equal(t, at, c.At)
				require.Equal(t, c.Action == "status_changed" || c.Action == "created", c.NewStatus != "" && c.NewStatus != "deleted")
				requireObjects(t, c.Changes)
				raw, err := json.Marshal(c.Changes)
				require.NoError(t, err)
				got = append(got, entry{c.Action, c.Message, string(raw)})
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// requireObjects fails for changes that pages cannot show.
func requireObjects(t testing.TB, changes map[string]any) {
	t.Helper()
	for key, v := range changes {
		m, ok := v.(map[string]any)
		require.True(t, ok, "%s is a %T", key, v)
		_, field := m["new"]
		_, entries := m["added"].(map[string]any)
		require.True(t, field || entries, "%s has neither form", key)
	}
}

// documents and lists are types as a database may return them.
type (
	document map[string]any
	array    []any
)

func TestStateOfADatabaseEqualsTheOneThatWasStored(t *testing.T) {
	t.Parallel()
	kept := models.ResourceState{
		UID: "u1", Status: "running", CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Spec: map[string]any{"replicas": float64(2), "containers": []any{map[string]any{"name": "web", "restartCount": float64(1)}}},
	}
	read := kept
	read.ResourceVersion = "77"
	read.Labels, read.Annotations, read.Owners = map[string]string{}, map[string]string{}, []models.OwnerReference{}
	read.CreatedAt = kept.CreatedAt.In(time.FixedZone("here", 3600))
	read.Spec = map[string]any{"replicas": int32(2), "containers": array{document{"name": "web", "restartCount": int64(1)}}}
	require.Equal(t, Hash(kept), Hash(read))
	require.Empty(t, Diff(&kept, &read, time.Time{}))
	require.Empty(t, Diff(&read, &kept, time.Time{}))

	read.Spec["replicas"] = int32(3)
	require.NotEqual(t, Hash(kept), Hash(read))
	require.Len(t, Diff(&kept, &read, time.Time{}), 1)
}

func TestHashIsTheSameInEveryProcess(t *testing.T) {
	t.Parallel()
	s := stateOf(t, `{labels: {a: "1", b: "2"}, spec: {replicas: 2, hosts: [x]}}`)
	require.Equal(t, "bda0930837e3f52abf4c22ebf84fe236", Hash(*s))
}
