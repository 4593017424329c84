package app

import (
	"time"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services/account"
	"github.com/kubeorch/core/services/cluster"
)

// buildPeople adds the handlers of accounts to h and returns what tells whose
// token a request carries. clusters settles those of accounts that are deleted.
func (s *Server) buildPeople(h *routes.Handlers, clusters cluster.AccountRemoval, others peers) *account.Sessions {
	var (
		cfg       = s.cfg
		db        = s.db.Database()
		users     = repositories.NewUsers(db)
		codes     = repositories.NewCodes(db)
		apiTokens = repositories.NewAPITokens(db)
		passwords = account.NewPasswords(cfg.PasswordCost)
		tokens    = account.NewTokens(cfg.JWTSecret, cfg.TokenTTL, cfg.TokenRefreshMaxAge(), time.Now)
		settings  = account.NewSettings(repositories.NewSettings(db), models.InviteSettings{
			RegenerateAfterSignup: cfg.RegenerateInviteAfterSignup, InviteCode: cfg.InviteCode,
		}, time.Now)
		failures  = s.failures()
		attempts  = account.NewAttempts(failures)
		providers = s.providers()
		rules     = account.AuthRules{
			Enabled: cfg.Auth.Builtin.Enabled, SignupEnabled: cfg.Auth.Builtin.SignupEnabled, AllowedDomains: cfg.Auth.Builtin.AllowedDomains,
			Providers: loginOptions(providers),
		}
		invites = account.NewInvites(account.InviteDeps{
			Store: repositories.NewInvites(db), People: users, Codes: settings, Rules: rules,
			Failures: failures, FrontendURL: cfg.FrontendURL, Now: time.Now,
		})
		sessions = account.NewSessions(account.SessionDeps{
			Store: repositories.NewSessions(db), Users: users, Codes: codes, Tokens: tokens,
			APITokens: account.NewAPITokenCheck(apiTokens, s.log, time.Now), Log: s.log, Peers: others,
		})
		auth = account.NewAuth(account.AuthDeps{
			Rules: rules, Users: users, Invites: invites, Passwords: passwords, Sessions: sessions,
			Attempts: attempts, Logins: users,
		})
		ownTokens = account.NewAPITokens(apiTokens, users, sessions, cfg.MaxAPITokens, time.Now)
		oauth     = account.NewOAuth(account.OAuthDeps{
			Providers: providers, Auth: auth, Users: users, Codes: codes, APITokens: ownTokens, Log: s.log, Now: time.Now,
		})
	)
	h.Auth = handlers.NewAuth(auth)
	h.OAuth = handlers.NewOAuth(oauth, cfg.BaseURL, cfg.FrontendURL)
	h.Session = handlers.NewSession(sessions)
	h.Profile = handlers.NewProfile(account.NewUsers(users, passwords, attempts, sessions, account.Allowance{
		Limits: s.accountLimits(), Workflows: repositories.NewWorkflows(db), APITokens: apiTokens,
	}))
	h.APIToken = handlers.NewAPIToken(ownTokens)
	h.Settings = handlers.NewSettings(settings)
	h.Invite = handlers.NewInvite(invites)
	h.User = handlers.NewUser(s.buildAdmin(sessions, ownTokens, clusters))
	return sessions
}

// failures counts where all servers on the database see it.
func (s *Server) failures() account.Failures {
	if s.db.Embedded() {
		return account.FailuresHere(time.Now)
	}
	return account.FailuresIn(repositories.NewAttempts(s.db.Database()), s.cfg.JWTSecret, time.Now)
}
