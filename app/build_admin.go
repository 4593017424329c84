package app

import (
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services"
)

// buildAdmin returns what administrators do with accounts. Whatever is stored
// by account has to be among what goes with one.
func (s *Server) buildAdmin(
	sessions *services.Sessions, tokens *services.APITokens, clusters services.ClusterLeaving,
) *services.AdminUsers {
	var (
		db        = s.db.Database()
		documents = repositories.NewWorkflows(db)
		runs      = repositories.NewRuns(db)
		workflows = services.WorkflowLeaving{Workflows: documents, Versions: repositories.NewVersions(db), Runs: runs}
	)
	return services.NewAdminUsers(repositories.NewUsers(db), sessions, services.Estate{
		Workflows: documents, Clusters: repositories.NewClusters(db), Runs: runs,
		Owned: services.Leaving{clusters, workflows},
		Personal: services.Personal{
			clusters, // what was shared with the account
			services.OwnedByFunc(tokens.RevokeAll),
			services.OwnedByFunc(sessions.EndAccount),
		},
	})
}
