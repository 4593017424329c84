package app

import (
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/services/account"
	"github.com/kubeorch/core/services/cluster"
	"github.com/kubeorch/core/services/workflow"
)

// buildAdmin returns what administrators do with accounts. Whatever is stored
// by account has to be among what goes with one.
func (s *Server) buildAdmin(
	sessions *account.Sessions, tokens *account.APITokens, clusters cluster.AccountRemoval,
) *account.AdminUsers {
	var (
		db        = s.db.Database()
		documents = repositories.NewWorkflows(db)
		runs      = repositories.NewRuns(db)
		workflows = workflow.AccountDeletion{Workflows: documents, Versions: repositories.NewVersions(db), Runs: runs, Drifts: repositories.NewDrifts(db)}
	)
	return account.NewAdminUsers(repositories.NewUsers(db), sessions, account.OwnedResources{
		Workflows: documents, Clusters: repositories.NewClusters(db), Runs: runs,
		Transferable: account.Transferables{clusters, workflows},
		Personal: account.Personal{
			clusters, // what was shared with the account
			account.DeleteFunc(repositories.NewNotifications(db).DeleteByUser),
			account.DeleteFunc(repositories.NewResourceMarks(db).DeleteByUser),
			account.DeleteFunc(tokens.RevokeAll),
			account.DeleteFunc(sessions.EndAccount),
		},
	})
}
