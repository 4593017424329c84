package cluster

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/utils"
)

const (
	maxShares          = 200 // of one cluster
	maxShareNamespaces = 100
	maxShareAccounts   = 100
)

// shareWriter changes shares.
type shareWriter interface {
	Put(ctx context.Context, sh models.ClusterShare) (models.ClusterShare, error)
	Accept(ctx context.Context, userID, id string, at time.Time) (models.ClusterShare, error)
	Decline(ctx context.Context, userID, id string) (models.ClusterShare, error)
	Remove(ctx context.Context, clusterID, target string) (models.ClusterShare, error)
}

// shareReader finds shares.
type shareReader interface {
	ByUser(ctx context.Context, userID string) ([]models.ClusterShare, error)
	ByCluster(ctx context.Context, clusterID string) ([]models.ClusterShare, error)
}

type shareStore interface {
	shareReader
	shareWriter
}

// shareTargets finds the accounts that clusters are shared with.
type shareTargets interface {
	ByID(ctx context.Context, id string) (models.User, error)
	ByEmail(ctx context.Context, email string) (models.User, error)
	People(ctx context.Context, ids []string) (map[string]models.Person, error)
}

// shareEvents tells people's streams which clusters they gain and lose.
type shareEvents interface {
	Appeared(ctx context.Context, userID string, c models.Cluster)
	Vanished(ctx context.Context, userID string, c models.Cluster)
}

// ShareDeps is what Shares works with.
type ShareDeps struct {
	Access   *Access
	Store    shareStore
	Defaults defaults
	Users    shareTargets
	Events   shareEvents
	Entries  entryLog
}

// Shares lets owners share clusters, and others accept that. What owners do is
// written into the log of the cluster; with whom they share is in the audit
// trail only. It is safe for concurrent use.
type Shares struct {
	deps ShareDeps
	now  func() time.Time
}

// NewShares returns a service that works with deps.
func NewShares(deps ShareDeps) *Shares { return &Shares{deps: deps, now: models.Now} }

// Share offers a cluster to another user. The offer counts once they accept;
// where they have done so before, the new role and the new bounds count at once.
// An id of nobody is NotFound. An e-mail address of nobody is answered, listed
// and revoked like others, so that nobody learns who has an account.
func (s *Shares) Share(ctx context.Context, owner, address string, in models.ClusterShareInput) (models.ClusterShareView, error) {
	g, err := s.deps.Access.Require(ctx, owner, address, models.ClusterManage)
	if err != nil {
		return models.ClusterShareView{}, err
	}
	in.TargetEmail = utils.NormalEmail(in.TargetEmail)
	in.Namespaces = slices.Compact(slices.Sorted(slices.Values(in.Namespaces)))
	if err := checkShare(in).Err("cluster.Shares.Share"); err != nil {
		return models.ClusterShareView{}, err
	}
	target, err := s.target(ctx, g, in)
	if err != nil {
		return models.ClusterShareView{}, err
	}
	if err := s.checkLimit(ctx, g.Cluster.ID, target); err != nil {
		return models.ClusterShareView{}, err
	}
	sh, err := s.deps.Store.Put(ctx, models.ClusterShare{
		ID: models.NewID(), ClusterID: g.Cluster.ID, ClusterName: g.Cluster.Name, OwnerID: owner,
		UserID: target, Email: in.TargetEmail, Role: in.Role, Namespaces: nonNil(in.Namespaces), CreatedAt: s.now(),
		PodBounds: in.PodBounds,
	})
	if err != nil {
		return models.ClusterShareView{}, err
	}
	if placeholder := placeholderID(g.Cluster.ID, in.TargetEmail); in.TargetEmail != "" && target != placeholder {
		// From before the address had an account.
		_, err = s.deps.Store.Remove(ctx, g.Cluster.ID, placeholder)
		if err != nil && models.KindOf(err) != models.NotFound {
			return models.ClusterShareView{}, err
		}
	}
	models.NoteForAudit(ctx, "with", cmp.Or(in.TargetEmail, in.TargetUserID))
	models.NoteForAudit(ctx, "role", in.Role)
	models.NoteForAudit(ctx, "share", sh.ID)
	s.deps.Access.Changed(ctx, g.Cluster.ID)
	s.deps.Entries.Add(ctx, models.ClusterLogEntry{
		ClusterID: g.Cluster.ID, Action: models.ClusterLogShared, Success: true, Message: "the cluster was offered to a user",
		Details: map[string]string{"share": sh.ID, "role": sh.Role},
	})
	return s.ownerView(ctx, sh)
}

func checkShare(in models.ClusterShareInput) (p models.Problems) {
	switch {
	case in.TargetUserID == "" && in.TargetEmail == "":
		p.Addf("targetUserId", "is required, or targetEmail instead")
	case in.TargetUserID != "" && in.TargetEmail != "":
		p.Addf("targetEmail", "must not be given beside targetUserId")
	case in.TargetEmail != "" && !utils.ValidEmail(in.TargetEmail):
		p.Addf("targetEmail", "must be an e-mail address")
	}
	if !slices.Contains([]string{models.ClusterViewer, models.ClusterEditor, models.ClusterAdmin}, in.Role) {
		p.Addf("role", "must be one of %s, %s, %s", models.ClusterViewer, models.ClusterEditor, models.ClusterAdmin)
	}
	p = append(p, checkPodBounds(in.PodBounds)...)
	if len(in.Namespaces) > maxShareNamespaces {
		p.Addf("namespaces", "must not be more than %d", maxShareNamespaces)
		return p
	}
	for _, ns := range in.Namespaces {
		for _, msg := range validation.IsDNS1123Label(ns) {
			p.Addf("namespaces", "%q: %s", ns, msg)
		}
	}
	return p
}

func checkPodBounds(b models.PodBounds) (p models.Problems) {
	if !slices.Contains([]string{"", models.PodPrivileged, models.PodBaseline, models.PodRestricted}, b.PodSecurity) {
		p.Addf("podSecurity", "must be one of %s, %s, %s", models.PodPrivileged, models.PodBaseline, models.PodRestricted)
	}
	if len(b.ServiceAccounts) > maxShareAccounts {
		p.Addf("serviceAccounts", "must not be more than %d", maxShareAccounts)
		return p
	}
	for _, name := range b.ServiceAccounts {
		if name == models.AnyServiceAccount {
			continue
		}
		for _, msg := range validation.IsDNS1123Subdomain(name) {
			p.Addf("serviceAccounts", "%q: %s", name, msg)
		}
	}
	return p
}

// target returns the id of the user that in names, or a placeholder for an
// address without an account.
func (s *Shares) target(ctx context.Context, g models.ClusterGrant, in models.ClusterShareInput) (string, error) {
	const op = "cluster.Shares.target"
	field, id := "targetUserId", in.TargetUserID
	if in.TargetEmail != "" {
		field = "targetEmail"
		u, err := s.deps.Users.ByEmail(ctx, in.TargetEmail)
		if models.KindOf(err) == models.NotFound {
			return placeholderID(g.Cluster.ID, in.TargetEmail), nil
		}
		if err != nil {
			return "", err
		}
		id = u.ID
	} else if _, err := s.deps.Users.ByID(ctx, id); err != nil {
		return "", err
	}
	if id == g.Cluster.OwnerID {
		var p models.Problems
		p.Addf(field, "is you")
		return "", p.Err(op)
	}
	return id, nil
}

// placeholderID returns the id that stands for an address without an account. It
// is the same one every time.
func placeholderID(clusterID, email string) string {
	sum := sha256.Sum256([]byte(clusterID + "\n" + email))
	return hex.EncodeToString(sum[:12])
}

func (s *Shares) checkLimit(ctx context.Context, clusterID, target string) error {
	all, err := s.deps.Store.ByCluster(ctx, clusterID)
	if err != nil || len(all) < maxShares {
		return err
	}
	if slices.ContainsFunc(all, func(sh models.ClusterShare) bool { return sh.UserID == target }) {
		return nil
	}
	return &models.Error{
		Op: "cluster.Shares.checkLimit", Kind: models.Conflict, Msg: "the cluster is shared with as many users as it can be",
	}
}

// Accept makes a cluster that was offered to the user one of theirs.
func (s *Shares) Accept(ctx context.Context, userID, id string) (models.ClusterShareView, error) {
	sh, err := s.deps.Store.Accept(ctx, userID, id, s.now())
	if err != nil {
		return models.ClusterShareView{}, err
	}
	g, err := s.deps.Access.RequireByID(ctx, userID, sh.ClusterID, models.ClusterRead)
	if err != nil {
		return models.ClusterShareView{}, err
	}
	models.NoteForAudit(ctx, "cluster", sh.ClusterID)
	s.deps.Access.Changed(ctx, sh.ClusterID)
	s.deps.Events.Appeared(ctx, userID, g.Cluster)
	return s.ownerView(ctx, sh)
}

// Decline turns an offer down.
func (s *Shares) Decline(ctx context.Context, userID, id string) error {
	sh, err := s.deps.Store.Decline(ctx, userID, id)
	if err == nil {
		models.NoteForAudit(ctx, "cluster", sh.ClusterID)
	}
	return err
}

// Revoke ends a share. The owner may end all of them, named by the user's id or
// the share's; everybody else their own.
func (s *Shares) Revoke(ctx context.Context, userID, address, target string) error {
	g, err := s.deps.Access.Require(ctx, userID, address, models.ClusterRead)
	if err != nil {
		return err
	}
	if !g.Owned() && target != userID && target != g.ShareID {
		return permit(g, models.ClusterManage)
	}
	sh, err := s.deps.Store.Remove(ctx, g.Cluster.ID, target)
	if err != nil {
		return err
	}
	models.NoteForAudit(ctx, "share", sh.ID)
	s.deps.Access.Changed(ctx, g.Cluster.ID)
	if sh.Status == models.ShareAccepted {
		s.deps.Events.Vanished(ctx, sh.UserID, g.Cluster)
	}
	s.deps.Entries.Add(ctx, models.ClusterLogEntry{
		ClusterID: g.Cluster.ID, Action: models.ClusterLogUnshared, Success: true, Message: "the share of a user was ended",
	})
	return replaceDefault(ctx, s.deps.Access, s.deps.Defaults, sh.UserID, g.Cluster.ID)
}

// List returns the shares of a cluster to users who may see its members.
func (s *Shares) List(ctx context.Context, userID, address string) ([]models.ClusterShareView, error) {
	g, err := s.deps.Access.Require(ctx, userID, address, models.ClusterMembers)
	if err != nil {
		return nil, err
	}
	list, err := s.deps.Store.ByCluster(ctx, g.Cluster.ID)
	if err != nil {
		return nil, err
	}
	return s.ownerViews(ctx, list)
}

// Offered returns the shares with a user, pending and accepted.
func (s *Shares) Offered(ctx context.Context, userID string) ([]models.ClusterShareView, error) {
	list, err := s.deps.Store.ByUser(ctx, userID)
	if err != nil {
		return nil, err
	}
	return s.views(ctx, list)
}
