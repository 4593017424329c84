package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/kubernetes"
)

const (
	maxClusterText   = 2000 // bytes of each text in a cluster's document
	maxClusterLabels = 64
)

// checkCluster reports everything wrong with the fields of c that people set,
// except its credentials.
func checkCluster(c models.Cluster) (p models.Problems) {
	switch {
	case c.Name == "":
		p.Addf("name", "is required")
	case slices.Contains([]string{"default", "shares", "stream"}, c.Name):
		p.Addf("name", "%q is reserved", c.Name)
	default:
		for _, msg := range validation.IsDNS1123Label(c.Name) {
			p.Addf("name", "%s", msg)
		}
	}
	for _, msg := range validation.IsDNS1123Label(c.Namespace) {
		p.Addf("credentials.namespace", "%s", msg)
	}
	if len(c.DisplayName) > maxClusterText {
		p.Addf("displayName", "must not be longer than %d bytes", maxClusterText)
	}
	if len(c.Description) > maxClusterText {
		p.Addf("description", "must not be longer than %d bytes", maxClusterText)
	}
	if len(c.Labels) > maxClusterLabels {
		p.Addf("labels", "must not be more than %d", maxClusterLabels)
		return p
	}
	for k, v := range c.Labels {
		for _, msg := range append(validation.IsQualifiedName(k), validation.IsValidLabelValue(v)...) {
			p.Addf("labels["+k+"]", "%s", msg)
		}
	}
	return p
}

// configProblems turns a refusal of the credentials' form into problems. A
// complaint about the server is left out when the caller has one already.
func configProblems(err error, server bool) (p models.Problems) {
	bad, ok := errors.AsType[*kubernetes.Error](err)
	switch {
	case err == nil:
	case !ok:
		p.Addf("credentials", "cannot be used")
	case bad.Field == "server" && !server:
	case bad.Field == "server", bad.Field == "authType":
		p.Addf(bad.Field, "%s", bad.Message)
	case bad.Field == "kubeconfig":
		p.Addf("credentials.kubeconfig", "kubeconfig: %s", bad.Message)
	default:
		p.Addf("credentials."+bad.Field, "%s", bad.Message)
	}
	return p
}

// configOf returns the connection settings of c with cred.
func configOf(c models.Cluster, cred models.ClusterCredentials) kubernetes.Config {
	return kubernetes.Config{
		Server: c.Server, AuthType: c.AuthType, Insecure: c.Insecure,
		Token: cred.Token, CAData: cred.CAData, ClientCert: cred.ClientCertData, ClientKey: cred.ClientKeyData,
		Kubeconfig: cred.Kubeconfig, Context: cred.Context,
		OIDCIssuerURL: cred.OIDCIssuerURL, OIDCClientID: cred.OIDCClientID, OIDCClientSecret: cred.OIDCClientSecret,
		OIDCRefreshToken: cred.OIDCRefreshToken, OIDCScopes: cred.OIDCScopes,
	}
}

// authType maps the synonyms that forms use.
func authType(s string) string {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "bearer":
		return models.AuthToken
	default:
		return s
	}
}

func namespaceOr(ns, fallback string) string {
	if ns = strings.TrimSpace(ns); ns != "" {
		return ns
	}
	return fallback
}

// failure maps a failure to use a cluster to the domain's classes. None
// of them is Unauthenticated, which is for sessions.
func failure(op string, err error) error {
	if _, ok := errors.AsType[*models.Error](err); ok || err == nil {
		return err
	}
	e := kubernetes.Translate(err)
	kind := models.Unavailable
	switch e.Reason {
	case kubernetes.BadConfig, kubernetes.Invalid, kubernetes.NotAllowed:
		kind = models.Invalid
	case kubernetes.NotFound:
		kind = models.NotFound
	case kubernetes.Conflict, kubernetes.Exists:
		kind = models.Conflict
	case kubernetes.Other:
		if errors.Is(err, context.Canceled) {
			break
		}
		kind = models.Internal
	default:
	}
	return &models.Error{Op: op, Kind: kind, Msg: e.Error(), Err: err}
}
