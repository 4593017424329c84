package drift

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestNodeDrift(t *testing.T) {
	t.Parallel()
	object := func(kind, action string, paths ...string) models.ObjectDiff {
		o := models.ObjectDiff{Kind: kind, Name: "x", Action: action, Message: "message"}
		for _, path := range paths {
			if added, is := strings.CutPrefix(path, "+"); is {
				o.Additions = append(o.Additions, models.FieldAddition{Path: added, Manager: "kubectl"})
			} else {
				o.Changes = append(o.Changes, models.FieldChange{Path: path})
			}
		}
		return o
	}
	type list = []models.ObjectDiff
	for name, tc := range map[string]struct {
		objects list
		ignored []string
		want    string // "drift", "added" or nothing, and the kinds
		refused bool
	}{
		"unchanged":                               {objects: list{object("Deployment", "unchanged")}},
		"an image":                                {objects: list{object("Deployment", "configured", "spec.image")}, want: "drift Deployment"},
		"an image that is ignored":                {objects: list{object("Deployment", "configured", "spec.image")}, ignored: []string{"spec"}},
		"one of two is ignored":                   {objects: list{object("Deployment", "configured", "spec.a", "spec.b")}, ignored: []string{"spec.a"}, want: "drift Deployment"},
		"an addition":                             {objects: list{object("ConfigMap", "unchanged", "+data.x")}, want: "added ConfigMap"},
		"an addition that is ignored":             {objects: list{object("ConfigMap", "unchanged", "+data.x")}, ignored: []string{"data.x"}},
		"a change is ignored, an addition is not": {objects: list{object("ConfigMap", "configured", "data.y", "+data.x")}, ignored: []string{"data.y"}, want: "added ConfigMap"},
		"gone":                                {objects: list{object("Service", "created"), object("Deployment", "unchanged")}, want: "drift Service"},
		"a field that cannot be changed back": {objects: list{object("StatefulSet", "replaced", "spec.serviceName")}, want: "drift StatefulSet"},
		"somebody else's":                     {objects: list{object("Service", "refused")}, want: "drift Service", refused: true},
		"an ended Job is removed":             {objects: list{object("Job", "created")}},
		"a Job would run again":               {objects: list{object("Job", "replaced")}},
		"a Job was changed":                   {objects: list{object("Job", "configured", "spec.suspend")}, want: "drift Job", refused: true},
		"a value of a Secret":                 {objects: list{object("Secret", "configured", "data.password")}, want: "drift Secret", refused: true},
		"a label of a Secret":                 {objects: list{object("Secret", "configured", "metadata.labels.a")}, want: "drift Secret"},
		"a Secret and more":                   {objects: list{object("Secret", "configured", "data.a"), object("Deployment", "configured", "spec.a")}, want: "drift Secret Deployment"},
		"what waits for values":               {objects: list{object("Secret", "skipped")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := nodeDrift(models.NodePlan{NodeID: "n", Objects: tc.objects}, tc.ignored, models.Now())
			if tc.want == "" {
				require.Nil(t, n)
				return
			}
			text := map[bool]string{true: "drift", false: "added"}[n.Drifted]
			for _, o := range n.Objects {
				text += " " + o.Kind
			}
			require.Equal(t, tc.want, text)
			require.Equal(t, tc.refused, refusal(*n) != "", refusal(*n))
		})
	}
}

func TestIgnoredPaths(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		path, ignored string
		want          bool
	}{
		{"spec.replicas", "spec.replicas", true},
		{"spec.replicasMax", "spec.replicas", false},
		{"spec.template.spec.containers[name=web].image", "spec.template.spec.containers", true},
		{"spec.template.spec.containers[name=web].image", "spec.template.spec.containers[name=web]", true},
		{"spec.template.spec.containers[name=web2].image", "spec.template.spec.containers[name=web", false},
		{"spec", "spec.replicas", false},
		{"metadata.annotations[a.b/c]", "metadata.annotations", true},
	} {
		require.Equal(t, tc.want, isIgnored(tc.path, []string{"data", tc.ignored}), "%s by %s", tc.path, tc.ignored)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	many := make([]string, maxIgnored+1)
	for i := range many {
		many[i] = fmt.Sprint("spec.f", i)
	}
	for name, tc := range map[string]struct {
		mode  string
		paths []string
		field string
	}{
		"fine":                {mode: "correct", paths: []string{"spec.replicas", "metadata.annotations[a.b/c d]"}},
		"no mode":             {field: "mode"},
		"an unknown mode":     {mode: "fight", field: "mode"},
		"an empty path":       {mode: "show", paths: []string{""}, field: "ignored[web]"},
		"no path":             {mode: "show", paths: []string{"$.spec"}, field: "ignored[web]"},
		"a line end":          {mode: "show", paths: []string{"spec\n"}, field: "ignored[web]"},
		"a path that is long": {mode: "show", paths: []string{"s" + strings.Repeat("x", maxIgnoredPath)}, field: "ignored[web]"},
		"too many":            {mode: "show", paths: many, field: "ignored[web]"},
	} {
		p := checkSettings(models.DriftSettings{Mode: tc.mode, Ignored: map[string][]string{"web": tc.paths}}, []string{"web"})
		if tc.field == "" {
			require.Empty(t, p, name)
			continue
		}
		require.Len(t, p, 1, name)
		require.Equal(t, tc.field, p[0].Field, name)
	}
	p := checkSettings(models.DriftSettings{Mode: "off", Ignored: map[string][]string{"gone": nil}}, []string{"web"})
	require.Equal(t, "ignored[gone]", p[0].Field)
}

func TestDriftIsBounded(t *testing.T) {
	t.Parallel()
	o := models.ObjectDiff{Kind: "ConfigMap", Action: "configured"}
	for i := range 100 {
		o.Changes = append(o.Changes, models.FieldChange{Path: fmt.Sprint("data.", i), From: strings.Repeat("x", 1000)})
	}
	plan := models.NodePlan{NodeID: "n"}
	for range 2 * maxObjects {
		plan.Objects = append(plan.Objects, o)
	}
	n := nodeDrift(plan, nil, models.Now())
	require.True(t, n.Truncated && n.Drifted)
	require.Len(t, n.Objects, maxObjects)
	require.Less(t, size(n), 2*maxNodeBytes)
	require.NotNil(t, plan.Objects[0].Changes, "the plan stays as it was")

	var nodes []models.NodeDrift
	for range 1000 {
		n := nodeDrift(models.NodePlan{NodeID: "n", Objects: []models.ObjectDiff{{Kind: "X", Action: "created", Message: strings.Repeat("x", 10_000)}}}, nil, models.Now())
		nodes = append(nodes, *n)
	}
	require.Less(t, size(boundedAll(nodes)), 2*maxBytes)
	updates, news := changes(nil, nodes[:100])
	require.Len(t, news, 100)
	require.Len(t, updates, 100)
}
