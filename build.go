package main

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kubeorch/core/docs"
	"github.com/kubeorch/core/handlers"
	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/repositories"
	"github.com/kubeorch/core/routes"
	"github.com/kubeorch/core/services"
)

// build joins repositories, services and handlers. Reading it top to bottom is
// reading the architecture.
func (s *server) build(context.Context) error {
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var (
		cfg       = s.cfg
		db        = s.db.Database()
		users     = repositories.NewUsers(db)
		passwords = services.NewPasswords(services.PasswordCost)
		tokens    = services.NewTokens(cfg.JWTSecret, cfg.TokenTTL, cfg.TokenRefreshMaxAge, time.Now)
		settings  = services.NewSettings(repositories.NewSettings(db), models.InviteSettings{
			RegenerateAfterSignup: cfg.RegenerateInviteAfterSignup, InviteCode: cfg.InviteCode,
		})
		auth = services.NewAuth(services.AuthRules{
			Enabled: cfg.Auth.BuiltinEnabled, SignupEnabled: cfg.Auth.SignupEnabled, AllowedDomains: cfg.Auth.AllowedDomains,
		}, users, settings, passwords, tokens)
	)
	apiDocs, err := handlers.NewDocs(docs.OpenAPI)
	if err != nil {
		return err
	}
	s.engine, err = routes.SetupRouter(routes.Deps{
		Log: s.log, Accounts: auth, Metrics: s.metrics,
		CORSOrigins: cfg.CORSOrigins, TrustedProxies: cfg.TrustedProxies, MaxBody: cfg.MaxBody,
		Handlers: routes.Handlers{
			Health:   handlers.NewHealth(s.log, s.metricsHandler(), s.checks()...),
			Docs:     apiDocs,
			Auth:     handlers.NewAuth(auth),
			Profile:  handlers.NewProfile(services.NewUsers(users, passwords)),
			Settings: handlers.NewSettings(settings),
		},
	})
	return err
}

// checks is what has to work for the server to be of use.
func (s *server) checks() []handlers.Check {
	return []handlers.Check{
		{Name: "database", Ready: s.db.Ping},
	}
}

// metricsHandler serves the metrics on the main port, or nil where they have a
// listener of their own.
func (s *server) metricsHandler() http.Handler {
	if s.cfg.MetricsListen != "" {
		return nil
	}
	return promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{})
}
