package applier

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// configMapOf returns a ConfigMap whose content names its owner.
func configMapOf(owner string, i int) string {
	return fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: cm-%d}, data: {owner: %s}}`, i, owner)
}

func (b *fixture) configMap(name string) *corev1.ConfigMap {
	b.t.Helper()
	cm, err := b.conn.Typed().CoreV1().ConfigMaps(b.ns).Get(b.t.Context(), name, metav1.GetOptions{})
	require.NoError(b.t, err)
	return cm
}

// byEditor returns an applier of somebody who may not adopt anything.
func (b *fixture) byEditor(owner string) *Applier {
	a := b.by(owner)
	a.opts.MayAdopt, a.opts.KeepOwners = false, true
	return a
}

// kubectl creates the manifests as somebody does who does not use us.
func (b *fixture) kubectl(manifests ...string) {
	b.t.Helper()
	for _, m := range manifests {
		o := b.object(m)
		ta, err := b.by("w1").locate(b.t.Context(), RefOf(o))
		require.NoError(b.t, err)
		_, err = ta.full.Create(b.t.Context(), o, metav1.CreateOptions{FieldManager: "kubectl-create"})
		require.NoError(b.t, err)
	}
}

// metadata returns the live object of the manifest.
func (b *fixture) metadata(manifest string) *metav1.PartialObjectMetadata {
	b.t.Helper()
	ta, err := b.by("w1").locate(b.t.Context(), RefOf(b.object(manifest)))
	require.NoError(b.t, err)
	o, err := ta.get(b.t.Context())
	require.NoError(b.t, err)
	require.NotNil(b.t, o)
	return o
}

// However the requests of two owners meet, one of them makes an object and the
// other hears whose it is.
func TestCreationHasOneWinner(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	const count = 40
	owners := []string{"w1", "w2"}
	changes := make([][]Change, len(owners))
	secrets := make([]Change, len(owners))
	var group sync.WaitGroup
	for n, owner := range owners {
		var reqs []Request
		for i := range count {
			reqs = append(reqs, Request{Object: b.object(configMapOf(owner, i))})
		}
		group.Go(func() { changes[n] = b.by(owner).Apply(t.Context(), reqs, nil) })
		group.Go(func() {
			req := ValuesRequest{Object: b.object(emptySecret), Keys: []string{"a"}, Values: map[string]string{"a": owner}}
			secrets[n], _ = b.by(owner).ApplyValues(t.Context(), req)
		})
	}
	group.Wait()
	winner := func(what string, pair []Change) string {
		t.Helper()
		won := 0
		if pair[1].Action == Created {
			won = 1
		}
		require.Equal(t, Created, pair[won].Action, "%s: %s", what, pair[won].Message)
		require.Equal(t, Failed, pair[1-won].Action, what)
		require.ErrorIs(t, pair[1-won].Err, ErrForeign)
		require.Contains(t, pair[1-won].Message, "belongs to another workflow")
		return owners[won]
	}
	for i := range count {
		name := fmt.Sprintf("cm-%d", i)
		won := winner(name, []Change{changes[0][i], changes[1][i]})
		cm := b.configMap(name)
		require.Equal(t, won, cm.Data["owner"])
		require.Equal(t, won, cm.Labels["kubeorch.io/workflow"])
	}
	require.Equal(t, map[string]string{"a": winner("Secret", secrets)}, b.stored())
}

// Nothing that an editor asks for changes what belongs to somebody else.
func TestEveryPathChecksTheOwner(t *testing.T) {
	t.Parallel()
	for name, others := range map[string]func(*fixture, ...string){
		"another workflow's": func(b *fixture, manifests ...string) {
			for _, c := range b.apply("w1", manifests...) {
				require.Equal(b.t, Created, c.Action, c.Message)
			}
		},
		"made with kubectl": (*fixture).kubectl,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFixture(t)
			others(b, configMap, secret, service, claim)
			all := []string{configMap, secret, service, claim}
			// A controller may write to a claim; labels and our entries are enough.
			ours := func(m string) string {
				o := b.metadata(m)
				return fmt.Sprint(o.UID, o.Labels, applied(o), o.Annotations[AdoptedAnnotation])
			}
			before := map[string]string{}
			for _, m := range all {
				before[m] = ours(m)
			}
			refused := func(c Change) {
				t.Helper()
				require.Equal(t, Failed, c.Action, "%s %s", c.Ref, c.Message)
				require.ErrorIs(t, c.Err, ErrForeign)
			}
			editor := b.byEditor("w2")
			for _, adopt := range []bool{false, true} {
				for _, m := range append(all, headless) {
					refused(editor.Apply(t.Context(), []Request{{Object: b.object(m), Adopt: adopt, Rerun: true}}, nil)[0])
				}
				values := ValuesRequest{Object: b.object(secret), Keys: []string{"a"}, Values: map[string]string{"a": "x"}, Adopt: adopt}
				c, _ := editor.ApplyValues(t.Context(), values)
				refused(c)
			}
			c, _ := editor.ApplyValues(t.Context(), ValuesRequest{Object: b.object(secret), Keys: []string{"a"}, Adopt: true})
			refused(c)
			var refs []Ref
			for _, m := range all {
				refs = append(refs, RefOf(b.object(m)))
			}
			for _, c := range append(editor.Delete(t.Context(), refs, DeleteOptions{Adopted: true}), editor.Release(t.Context(), refs)...) {
				require.Equal(t, Skipped, c.Action, c.Message)
			}
			for _, m := range all {
				require.Equal(t, before[m], ours(m), "%s was written", m)
			}
		})
	}
}

func TestOwnersOfSharedClustersAreKept(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.apply("w1", configMap)
	b.kubectl(`{apiVersion: v1, kind: ConfigMap, metadata: {name: free}}`)
	a := b.by("w2")
	a.opts.KeepOwners = true // and MayAdopt: an administrator of a share
	changes := a.Apply(t.Context(), []Request{
		{Object: b.object(configMap), Adopt: true},
		{Object: b.object(`{apiVersion: v1, kind: ConfigMap, metadata: {name: free}}`), Adopt: true},
	}, nil)
	require.Equal(t, Failed, changes[0].Action)
	require.Contains(t, changes[0].Message, "may not be taken here")
	require.Equal(t, Configured, changes[1].Action, changes[1].Message)
}

func TestAdoptedObjectIsReleased(t *testing.T) {
	t.Parallel()
	const theirs = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, labels: {app: web, team: a}}, spec: {replicas: 1, paused: true, selector: {matchLabels: {app: web}}, ` + pod + `}}`
	const drawn = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, labels: {app: web, drawn: "yes"}, annotations: {drawn: "yes"}}, spec: {replicas: 2, selector: {matchLabels: {app: web}}, ` + pod + `}}`
	b := newFixture(t)
	b.kubectl(theirs)
	was := b.metadata(theirs)
	c := b.by("w1").Apply(t.Context(), []Request{{Object: b.object(drawn), Adopt: true}}, nil)[0]
	require.Equal(t, Configured, c.Action, c.Message)
	require.NotEmpty(t, b.metadata(drawn).Annotations[AdoptedAnnotation])
	// The mark stays, whether or not the node still says adopt.
	require.Equal(t, Unchanged, b.apply("w1", drawn)[0].Action)
	require.NotEmpty(t, b.metadata(drawn).Annotations[AdoptedAnnotation])

	ref := RefOf(b.object(drawn))
	c = b.by("w1").Delete(t.Context(), []Ref{ref}, DeleteOptions{})[0]
	require.Equal(t, Released, c.Action, c.Message)
	o := b.metadata(drawn)
	require.Equal(t, was.UID, o.UID)
	require.Equal(t, was.Labels, o.Labels)
	require.Equal(t, was.Annotations["drawn"], o.Annotations["drawn"])
	require.NotContains(t, o.Annotations, AdoptedAnnotation)
	require.Empty(t, b.by("w1").appliedBy(o))
	made, err := b.conn.Typed().AppsV1().Deployments(b.ns).Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, int32(2), *made.Spec.Replicas, "what we gave it stays")
	require.Equal(t, Skipped, b.by("w1").Delete(t.Context(), []Ref{ref}, DeleteOptions{Adopted: true})[0].Action)

	b.by("w1").Apply(t.Context(), []Request{{Object: b.object(drawn), Adopt: true}}, nil)
	c = b.by("w1").Delete(t.Context(), []Ref{ref}, DeleteOptions{Adopted: true})[0]
	require.Equal(t, Deleted, c.Action, c.Message)
}

func TestReleaseLeavesWhatWeMade(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, claim)
	b.kubectl(secret)
	b.by("w1").Apply(t.Context(), []Request{{Object: b.object(secret), Adopt: true}}, nil)
	changes := b.by("w1").Release(t.Context(), []Ref{RefOf(b.object(claim)), RefOf(b.object(secret))})
	require.Equal(t, Unchanged, changes[0].Action, changes[0].Message)
	require.Equal(t, Released, changes[1].Action, changes[1].Message)
	require.Equal(t, map[string]string{"a": "a"}, b.stored())
}

// An adopted Job is not deleted to run again, and neither is an adopted Service
// to become headless.
func TestAdoptedObjectIsNotReplaced(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.kubectl(clusterIP)
	was := b.metadata(clusterIP).UID
	c := b.by("w1").Apply(t.Context(), []Request{{Object: b.object(headless), Adopt: true}}, nil)[0]
	require.Equal(t, Failed, c.Action)
	require.Equal(t, was, b.metadata(clusterIP).UID)
}

func TestAdoptionFromAnotherWorkflowTakesItsFieldsAway(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.apply("w1", `{apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, data: {a: "1", theirs: "1"}}`)
	c := b.by("w2").Apply(t.Context(), []Request{{Object: b.object(configMap), Adopt: true}}, nil)[0]
	require.Equal(t, Configured, c.Action, c.Message)
	require.Equal(t, map[string]string{"a": "1"}, b.configMap("cm").Data)
	c = b.apply("w1", configMap)[0]
	require.Equal(t, Failed, c.Action)
	require.ErrorIs(t, c.Err, ErrForeign)
}

// Fields that an autoscaler decides keep their value when a workload changes hands.
func TestAdoptionKeepsInitialFields(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, scaledWeb+"  replicas: 6\n")
	req := Request{Object: b.object(scaledWeb), Initial: []Initial{{Path: []string{"spec", "replicas"}, Value: int64(2)}}, Adopt: true}
	c := b.by("w2").Apply(t.Context(), []Request{req}, nil)[0]
	require.Equal(t, Configured, c.Action, c.Message)
	require.EqualValues(t, 6, b.replicas())
	require.Equal(t, Unchanged, b.by("w2").Apply(t.Context(), []Request{req}, nil)[0].Action)
}

// Objects of earlier releases have one field manager for all owners.
func TestObjectsOfEarlierReleasesAreGoneOnWith(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	ta, err := b.by("w1").target(t.Context(), b.object(`{apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, data: {a: "1", b: "2"}}`))
	require.NoError(t, err)
	body, err := Body(ta.object)
	require.NoError(t, err)
	_, err = ta.client.Patch(t.Context(), "cm", types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "kubeorch"})
	require.NoError(t, err)

	b.one(Configured, configMap)
	require.Equal(t, map[string]string{"a": "1"}, b.configMap("cm").Data, "a field that left is removed")
	b.one(Unchanged, configMap)
	require.Equal(t, Failed, b.apply("w2", configMap)[0].Action)
	require.Equal(t, Deleted, b.by("w1").Delete(t.Context(), []Ref{RefOf(b.object(configMap))}, DeleteOptions{})[0].Action)
}

// A field that somebody else has taken is taken back.
func TestFieldsAreTakenBackFromOthers(t *testing.T) {
	t.Parallel()
	b := newFixture(t)
	b.one(Created, configMap)
	cm := b.configMap("cm")
	cm.Data["a"] = "theirs"
	_, err := b.conn.Typed().CoreV1().ConfigMaps(b.ns).Update(t.Context(), cm, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
	require.NoError(t, err)
	b.one(Configured, configMap)
	require.Equal(t, "1", b.configMap("cm").Data["a"])
}
