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
// token a request carries.
func (s *server) buildPeople(h *routes.Handlers) *services.Sessions {
	var (
		cfg       = s.cfg
		db        = s.db.Database()
		users     = repositories.NewUsers(db)
		passwords = services.NewPasswords(services.PasswordCost)
		tokens    = services.NewTokens(cfg.JWTSecret, cfg.TokenTTL, cfg.TokenRefreshMaxAge, time.Now)
		settings  = services.NewSettings(repositories.NewSettings(db), models.InviteSettings{
			RegenerateAfterSignup: cfg.RegenerateInviteAfterSignup, InviteCode: cfg.InviteCode,
		})
		sessions = services.NewSessions(repositories.NewSessions(db), users, repositories.NewCodes(db), tokens, s.log)
		auth     = services.NewAuth(services.AuthRules{
			Enabled: cfg.Auth.BuiltinEnabled, SignupEnabled: cfg.Auth.SignupEnabled, AllowedDomains: cfg.Auth.AllowedDomains,
		}, users, settings, passwords, sessions)
	)
	s.parts.sessions = worker{run: sessions.Run}
	h.Auth = handlers.NewAuth(auth)
	h.Profile = handlers.NewProfile(services.NewUsers(users, passwords, sessions))
	h.Session = handlers.NewSession(sessions)
	h.Settings = handlers.NewSettings(settings)
	return sessions
}
