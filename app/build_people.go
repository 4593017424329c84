package app

import (
	"time"

	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// buildPeople adds the handlers of accounts to h and returns what tells whose
// token a request carries. clusters settles those of accounts that are deleted.
func (s *Server) buildPeople(h *routes.Handlers, clusters services.ClusterLeaving) *services.Sessions {
	var (
		cfg       = s.cfg
		db        = s.db.Database()
		users     = repositories.NewUsers(db)
		codes     = repositories.NewCodes(db)
		apiTokens = repositories.NewAPITokens(db)
		passwords = services.NewPasswords(cfg.PasswordCost)
		tokens    = services.NewTokens(cfg.JWTSecret, cfg.TokenTTL, cfg.TokenRefreshMaxAge, time.Now)
		settings  = services.NewSettings(repositories.NewSettings(db), models.InviteSettings{
			RegenerateAfterSignup: cfg.RegenerateInviteAfterSignup, InviteCode: cfg.InviteCode,
		}, time.Now)
		providers = s.providers()
		rules     = services.AuthRules{
			Enabled: cfg.Auth.BuiltinEnabled, SignupEnabled: cfg.Auth.SignupEnabled, AllowedDomains: cfg.Auth.AllowedDomains,
			Providers: loginOptions(providers),
		}
		invites = services.NewInvites(services.InviteDeps{
			Store: repositories.NewInvites(db), People: users, Codes: settings, Rules: rules,
			FrontendURL: cfg.FrontendURL, Now: time.Now,
		})
		sessions = services.NewSessions(repositories.NewSessions(db), users, codes, tokens,
			services.NewAPITokenCheck(apiTokens, s.log, time.Now), s.log)
		auth = services.NewAuth(services.AuthDeps{
			Rules: rules, Users: users, Invites: invites, Passwords: passwords, Sessions: sessions,
			Attempts: services.NewAttempts(time.Now), Logins: users,
		})
		ownTokens = services.NewAPITokens(apiTokens, users, sessions, time.Now)
		oauth     = services.NewOAuth(services.OAuthDeps{
			Providers: providers, Auth: auth, Users: users, Codes: codes, APITokens: ownTokens, Log: s.log, Now: time.Now,
		})
	)
	h.Auth = handlers.NewAuth(auth)
	h.OAuth = handlers.NewOAuth(oauth, cfg.BaseURL, cfg.FrontendURL)
	h.Session = handlers.NewSession(sessions)
	h.Profile = handlers.NewProfile(services.NewUsers(users, passwords, sessions))
	h.APIToken = handlers.NewAPIToken(ownTokens)
	h.Settings = handlers.NewSettings(settings)
	h.Invite = handlers.NewInvite(invites)
	h.User = handlers.NewUser(s.buildAdmin(sessions, ownTokens, clusters))
	return sessions
}
