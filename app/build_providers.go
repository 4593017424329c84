package app

import (
	"strings"
	"time"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/egress"
	"github.com/kubeorch/core/pkg/oauth"
	"github.com/kubeorch/core/services/account"
	"github.com/kubeorch/core/utils/config"
)

// providers returns the enabled external services to log in with. The operator
// names them, so they may be on this machine or in a private network, unlike
// what users name; metadata and link-local addresses are refused all the same.
func (s *Server) providers() (list []account.OAuthProvider) {
	guard := egress.New(egress.Options{AllowLoopback: true, AllowPrivate: true})
	for _, p := range s.cfg.Auth.Providers {
		if !p.Enabled {
			continue
		}
		cfg := oauthConfig(p, s.cfg.BaseURL)
		// No redirect is followed: none leads to where the operator did not say.
		peer := oauth.New(cfg, guard.Client(egress.ClientOptions{AllowHTTP: cfg.AllowHTTP}), time.Now)
		s.background.providers = append(s.background.providers, peer)
		list = append(list, account.OAuthProvider{
			AuthProvider:   models.AuthProvider{Name: p.Name, DisplayName: p.DisplayName, Icon: p.Icon},
			AllowedDomains: p.AllowedDomains, SignupEnabled: p.SignupEnabled, Peer: peer,
		})
	}
	return list
}

func oauthConfig(p config.Provider, baseURL string) oauth.Config {
	cfg := oauth.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, Scopes: p.Scopes, TrustEmail: p.TrustEmail, GitHub: p.GitHub(),
		RedirectURL: baseURL + "/v1/api/auth/oauth/" + p.Name + "/callback",
		Claims: oauth.Mapping{
			Subject: p.Claims.Subject, Email: p.Claims.Email, EmailVerified: p.Claims.EmailVerified, Name: p.Claims.Name,
		},
	}
	if p.Type == config.TypeOIDC {
		cfg.IssuerURL = p.IssuerURL
	} else {
		cfg.AuthorizationURL, cfg.TokenURL, cfg.UserInfoURL = p.AuthorizationURL, p.TokenURL, p.UserinfoURL
	}
	// What is configured was checked: it is http only where that is permitted.
	for _, u := range []string{cfg.IssuerURL, cfg.TokenURL, cfg.UserInfoURL} {
		cfg.AllowHTTP = cfg.AllowHTTP || strings.HasPrefix(u, "http://")
	}
	return cfg
}

// loginOptions is how the login page lists providers.
func loginOptions(list []account.OAuthProvider) (out []models.AuthProvider) {
	for _, p := range list {
		out = append(out, p.AuthProvider)
	}
	return out
}
