package main

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
func (s *server) buildPeople(h *routes.Handlers, clusters services.ClusterLeaving) *services.Sessions {
	var (
		cfg       = s.cfg
		db        = s.db.Database()
		users     = repositories.NewUsers(db)
		apiTokens = repositories.NewAPITokens(db)
		passwords = services.NewPasswords(services.PasswordCost)
		tokens    = services.NewTokens(cfg.JWTSecret, cfg.TokenTTL, cfg.TokenRefreshMaxAge, time.Now)
		settings  = services.NewSettings(repositories.NewSettings(db), models.InviteSettings{
			RegenerateAfterSignup: cfg.RegenerateInviteAfterSignup, InviteCode: cfg.InviteCode,
		}, time.Now)
		providers = s.providers()
		rules     = services.AuthRules{
			Enabled: cfg.Auth.BuiltinEnabled, SignupEnabled: cfg.Auth.SignupEnabled, AllowedDomains: cfg.Auth.AllowedDomains,
			Providers: shown(providers),
		}
		invites = services.NewInvites(services.InviteDeps{
			Store: repositories.NewInvites(db), People: users, Codes: settings, Rules: rules,
			FrontendURL: cfg.FrontendURL, Now: time.Now,
		})
		sessions = services.NewSessions(repositories.NewSessions(db), users, repositories.NewCodes(db), tokens,
			services.NewAPITokenCheck(apiTokens, s.log, time.Now), s.log)
		auth = services.NewAuth(services.AuthDeps{
			Rules: rules, Users: users, Invites: invites, Passwords: passwords, Sessions: sessions,
			Attempts: services.NewAttempts(time.Now), Networks: users,
		})
	)
	s.parts.sessions = worker{run: sessions.Run}
	h.Auth = handlers.NewAuth(auth)
	h.Profile = handlers.NewProfile(services.NewUsers(users, passwords, sessions))
	h.Session = handlers.NewSession(sessions)
	h.Settings = handlers.NewSettings(settings)
	ownTokens := services.NewAPITokens(apiTokens, users, sessions, time.Now)
	h.APIToken = handlers.NewAPIToken(ownTokens)
	h.OAuth = handlers.NewOAuth(services.NewOAuth(services.OAuthDeps{
		Providers: providers, Auth: auth, Users: users, Codes: repositories.NewCodes(db), APITokens: ownTokens, Log: s.log, Now: time.Now,
	}), cfg.BaseURL, cfg.FrontendURL)
	h.Invite = handlers.NewInvite(invites)
	h.User = handlers.NewUser(s.buildAdmin(sessions, ownTokens, clusters))
	return sessions
}
