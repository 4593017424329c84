package drift

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kubeorch/core/models"
)

func TestDriftIsStoredAndToldOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.see()
	require.Empty(t, take(&r.asked), "nothing is asked about what is as it was applied")
	at, ok := r.CheckedAt(r.wf.ID)
	require.True(t, ok)
	require.Equal(t, r.clock.Now(), at)

	r.live["web"] = "bad"
	r.see()
	r.check()
	require.Equal(t, []string{"web configured bad"}, take(&r.told))
	require.Equal(t, []string{"shop web configured bad"}, take(&r.notices))
	require.Equal(t, []string{"web"}, take(&r.asked))
	began := r.stored("web").Since

	r.live["web"], r.live["api"] = "worse", ""
	r.clock.Move(time.Minute)
	r.see()
	require.Equal(t, []string{"api created", "web configured worse"}, take(&r.told))
	require.Equal(t, []string{"shop api created"}, take(&r.notices), "of web it was told before")
	require.Equal(t, began, r.stored("web").Since)

	r.restart()
	r.clock.Move(time.Minute)
	r.see()
	require.Empty(t, take(&r.told), "another server finds what is stored")

	r.live["web"], r.live["api"] = "good", "added"
	r.see()
	require.Equal(t, []string{"web none", "api added"}, take(&r.told))
	require.Empty(t, take(&r.notices))
	require.Nil(t, r.stored("web"))

	r.live["web"] = "worse"
	r.see()
	require.Equal(t, []string{"web configured worse"}, take(&r.told), "the same again")
	r.Retired(r.wf.ID)
	require.NoError(t, r.clear(t.Context(), r.wf.ID))
	require.Equal(t, []string{"api none", "web none"}, take(&r.told))
}

func TestWhatIsUnchangedIsAskedAboutOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.live["web"] = "other spelling"
	r.see()
	r.check()
	require.Equal(t, []string{"web"}, take(&r.asked))
	require.Empty(t, take(&r.told))
	r.see()
	require.Equal(t, []string{"web"}, take(&r.asked), "it has changed again")
}

func TestNothingIsFoundWhileARunGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.running, r.live["web"] = true, "bad"
	r.see()
	require.Empty(t, take(&r.asked))
	_, ok := r.CheckedAt(r.wf.ID)
	require.False(t, ok)
	r.running = false
	r.check()
	require.Equal(t, []string{"web configured bad"}, take(&r.told))
}

func TestAnotherServerStores(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.live["web"], r.held = "bad", false
	r.Seen(models.DriftSighting{WorkflowID: r.wf.ID, Suspects: []models.DriftSuspect{{Object: models.OwnedObject{Applied: models.Applied{NodeID: "web"}}}}})
	_, err := r.Detector.check(t.Context(), r.watched[r.wf.ID])
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.Nil(t, r.stored("web"))
	require.Empty(t, r.told)
}

func TestUnknownObjectsKeepTheirDrift(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.live["web"] = "bad"
	r.see()
	r.Seen(models.DriftSighting{WorkflowID: r.wf.ID, ReadAt: r.clock.Now().Add(1), Suspects: []models.DriftSuspect{{
		Object: models.OwnedObject{Applied: models.Applied{NodeID: "web"}}, Unknown: true,
	}}})
	r.check()
	require.NotNil(t, r.stored("web"))
}

func TestIgnoredAndOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.live["web"] = "bad"
	r.see()
	r.set(models.DriftShow, "spec.image")
	r.see()
	require.Equal(t, []string{"web configured bad", "web none"}, take(&r.told))
	r.set(models.DriftShow)
	r.see()
	require.Equal(t, []string{"web configured bad"}, take(&r.told))
	r.set(models.DriftOff)
	r.see()
	require.Equal(t, []string{"web none"}, take(&r.told))
	take(&r.asked)
	r.see()
	require.Empty(t, r.asked)
}

func TestCorrections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(models.DriftCorrect)
	// Somebody changes it again after each correction, on servers that come and go.
	for range mostCorrections {
		r.live["web"] = "bad"
		r.see()
		require.Equal(t, []string{"web"}, take(&r.corrected))
		require.Equal(t, []string{"web configured bad", "web configured bad begun"}, take(&r.told))
		r.see()
		require.Equal(t, []string{"web none"}, take(&r.told))
		r.live["web"] = "bad"
		r.see()
		require.Empty(t, take(&r.corrected), "so soon")
		r.clock.Move(correctionPause)
		r.live["web"] = "good"
		r.see()
		take(&r.told)
		r.restart()
	}
	take(&r.notices)
	r.live["web"], r.live["api"] = "bad", "bad"
	r.see()
	require.Equal(t, []string{"api"}, take(&r.corrected), "another node has corrections of its own")
	require.Equal(t, models.CorrectionStopped, r.stored("web").Correction.State)
	require.Contains(t, r.stored("web").Correction.Message, "3 corrections within 10 minutes")
	require.Contains(t, take(&r.notices), "shop web configured bad stopped")

	r.clock.Move(correctionWindow)
	r.restart()
	r.see()
	require.Empty(t, take(&r.corrected), "it stays so until the drift ends")
	r.live["web"] = "good"
	r.see()
	r.live["web"] = "bad"
	r.clock.Move(askPause)
	r.see()
	require.Equal(t, []string{"web"}, take(&r.corrected))
}

func TestARunByAPersonBeginsAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(models.DriftCorrect)
	r.corrects = func(string) error { return &models.Error{Kind: models.Forbidden, Msg: "no access any more"} }
	r.live["web"] = "bad"
	for range mostCorrections {
		r.see()
		require.Equal(t, []string{"web"}, take(&r.corrected))
		require.Contains(t, r.stored("web").Correction.Message, "no access any more")
		r.clock.Move(correctionPause)
	}
	r.see()
	require.Equal(t, models.CorrectionStopped, r.stored("web").Correction.State)
	r.clock.Move(time.Minute)
	require.NoError(t, r.workflows.StartRun(t.Context(), r.wf.ID, models.RunStart{RunID: "r", At: r.clock.Now()}))
	r.see()
	require.Equal(t, []string{"web"}, take(&r.corrected))
	require.Equal(t, 1, r.stored("web").Correction.Count)
}

func TestARunInBetweenIsNoCorrection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.set(models.DriftCorrect)
	r.corrects = func(string) error { return &models.Error{Kind: models.Conflict, Msg: "a run is in progress"} }
	r.live["web"] = "bad"
	for range 2 * mostCorrections {
		r.see()
	}
	require.Len(t, take(&r.corrected), 2*mostCorrections)
	require.Nil(t, r.stored("web").Correction)
}

func TestDetectorWorksOnItsQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.live["web"] = "bad"
	r.Detector.Start(t.Context())
	defer func() { require.NoError(t, r.Stop(context.WithoutCancel(t.Context()))) }()
	s := models.DriftSighting{WorkflowID: r.wf.ID, Suspects: []models.DriftSuspect{{Object: models.OwnedObject{Applied: models.Applied{NodeID: "web"}}}}}
	r.Seen(s)
	require.Eventually(t, func() bool { return r.stored("web") != nil }, time.Minute, time.Millisecond)
	r.Retired(r.wf.ID)
	require.Eventually(t, func() bool { return r.stored("web") == nil }, time.Minute, time.Millisecond)
	r.Seen(s)
	require.Eventually(t, func() bool { return r.stored("web") != nil }, time.Minute, time.Millisecond)
	r.Unwatched(r.wf.ID)
	_, ok := r.CheckedAt(r.wf.ID)
	require.False(t, ok)
}
