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

// Test reports whether the cluster answers and accepts the credentials. Anybody
// may read the version, so it also asks who the user is or, from clusters that
// do not tell, for a list, which is forbidden by name to a known user only. It
// is sent even when the cluster counts as out of reach; success ends that.
func (c *Connection) Test(ctx context.Context) error {
	ctx = withProbe(ctx)
	begin := time.Now()
	err := c.test(ctx)
	if ReasonOf(err) == Unreachable && time.Since(begin) < time.Second {
		return c.test(ctx) // an idle connection may have been closed
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
		return refuseAnonymous(review.Status.UserInfo.Username)
	}
	if r := ReasonOf(err); r != Forbidden && r != UnknownKind && r != NotFound {
		return c.Err(err)
	}
	_, err = c.metadata.Resource(namespaces()).List(ctx, metav1.ListOptions{Limit: 1})
	if ReasonOf(err) == Forbidden {
		err = denialOfKnownUser(err)
	}
	return c.Err(err)
}

// denialOfKnownUser returns nil for a denial that an API server has given to an
// authenticated user.
func denialOfKnownUser(err error) error {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return err
	}
	if _, foreign := apierrors.StatusCause(err, metav1.CauseTypeUnexpectedServerResponse); foreign {
		return notAPI(&Error{Reason: Other, Err: err})
	}
	if strings.Contains(status.Status().Message, anonymousUser) {
		return refuseAnonymous(anonymousUser)
	}
	return nil
}

// anonymousUser is the user of a request without credentials. Client
// certificates are lost that way at proxies that end TLS.
const anonymousUser = "system:anonymous"

// notAPI returns the error for servers that speak HTTP but not Kubernetes.
func notAPI(e *Error) *Error {
	switch e.Reason {
	case NotFound, UnknownKind, Other:
		return &Error{Reason: NotKubernetes, Message: "the server does not answer like a Kubernetes API server", Err: e.Err}
	default:
		return e
	}
}

func refuseAnonymous(user string) error {
	if user == anonymousUser || user == "" {
		return &Error{Reason: Unauthorized, Message: "the cluster does not accept the credentials"}
	}
	return nil
}
