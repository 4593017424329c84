package kubernetes

import (
	"context"

	authv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Test reports whether the cluster answers and accepts the credentials. The
// version alone would not do, since anybody may read it: the cluster is asked
// who we are, or, where it does not tell, for a list that it may forbid but
// only to somebody it knows. It asks even while the cluster counts as out of
// reach, and its success ends that.
func (c *Connection) Test(ctx context.Context) error {
	ctx = certainly(ctx)
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
	if err != nil && ReasonOf(err) != Forbidden {
		return c.Err(err)
	}
	return nil
}

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
	if user == "system:anonymous" || user == "" {
		return &Error{Reason: Unauthorized, Message: "the cluster does not accept the credentials"}
	}
	return nil
}
