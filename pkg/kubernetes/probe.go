package kubernetes

import (
	"context"
	"errors"
	"strings"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Test reports whether the cluster answers and accepts the credentials. The
// version alone would not do, since anybody may read it: the cluster is asked
// who we are, or, where it does not tell, for a list that it may forbid but
// only to somebody it knows. It asks even while the cluster counts as out of
// reach, and its success ends that.
func (c *Connection) Test(ctx context.Context) error {
	ctx = certainly(ctx)
	begin := time.Now()
	err := c.test(ctx)
	if ReasonOf(err) == Unreachable && time.Since(begin) < time.Second {
		return c.test(ctx) // perhaps it was an old connection
	}
	return err
}

func (c *Connection) test(ctx context.Context) error {
	v, err := c.discovery.ServerVersionWithContext(ctx)
	switch {
	case err != nil && ReasonOf(err) != Forbidden: // some forbid even that
		return c.Err(notAPI(Translate(err)))
	case err == nil && v.GitVersion == "":
		return notAPI(&Error{Reason: Other})
	}
	review, err := c.typed.AuthenticationV1().SelfSubjectReviews().
		Create(ctx, &authv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err == nil {
		return anonymous(review.Status.UserInfo.Username)
	}
	if r := ReasonOf(err); r != Forbidden && r != UnknownKind && r != NotFound {
		return c.Err(err)
	}
	_, err = c.metadata.Resource(namespaces()).List(ctx, metav1.ListOptions{Limit: 1})
	if ReasonOf(err) == Forbidden {
		err = forbidsSomebody(err)
	}
	return c.Err(err)
}

// forbidsSomebody returns nil when a refusal comes from an API server, and
// tells that it knows who asks.
func forbidsSomebody(err error) error {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return err
	}
	if _, foreign := apierrors.StatusCause(err, metav1.CauseTypeUnexpectedServerResponse); foreign {
		return notAPI(&Error{Reason: Other, Err: err})
	}
	if strings.Contains(status.Status().Message, nobody) {
		return anonymous(nobody)
	}
	return nil
}

// nobody is who a cluster takes a request for that brings no credentials, or
// has lost them on its way, as certificates do at some proxies.
const nobody = "system:anonymous"

// notAPI words the answers of servers that speak HTTP but not Kubernetes.
func notAPI(e *Error) *Error {
	switch e.Reason {
	case NotFound, UnknownKind, Other:
		return &Error{Reason: NotKubernetes, Message: "the server does not answer like a Kubernetes API server", Err: e.Err}
	default:
		return e
	}
}

func anonymous(user string) error {
	if user == nobody || user == "" {
		return &Error{Reason: Unauthorized, Message: "the cluster does not accept the credentials"}
	}
	return nil
}
