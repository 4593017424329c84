package diagnostics

import (
	"errors"

	"github.com/kubeorch/core/models"
	"github.com/kubeorch/core/pkg/applier"
	"github.com/kubeorch/core/pkg/kubernetes"
)

// clusterFailure gives an error of a cluster its class. A cluster out of reach is Failed
// and not Unavailable, for clients expect the status of that here.
func clusterFailure(op string, err error) error {
	if err == nil {
		return nil
	}
	kind, msg := models.Failed, models.MessageOf(kubernetes.Translate(err))
	if own, ok := errors.AsType[*models.Error](err); ok {
		if own.Kind != models.Unavailable {
			return err
		}
		msg = own.Msg
	}
	switch kubernetes.ReasonOf(err) {
	case kubernetes.Forbidden: // to the credentials of the cluster
		kind = models.Forbidden
	case kubernetes.Timeout, kubernetes.Cancelled:
		msg = "the cluster did not answer in time"
	default:
	}
	return &models.Error{Op: op, Kind: kind, Msg: msg, Err: err}
}

// applied returns what was done to objects, and the first failure as an error.
func applied(changes []applier.Change) (out []models.ObjectChange, err error) {
	for _, c := range changes {
		apiVersion, kind := c.ToAPIVersionAndKind()
		out = append(out, models.ObjectChange{
			APIVersion: apiVersion, Kind: kind, Namespace: c.Namespace, Name: c.Name, Action: string(c.Action), Message: c.Message,
		})
		if c.Action != applier.Failed || err != nil {
			continue
		}
		class := models.Failed
		switch kubernetes.ReasonOf(c.Err) {
		case kubernetes.Exists, kubernetes.Conflict:
			class = models.Conflict
		case kubernetes.Invalid:
			class = models.Invalid
		case kubernetes.Forbidden:
			class = models.Forbidden
		default:
		}
		err = &models.Error{Op: "diagnostics.applied", Kind: class, Msg: c.Message, Err: c.Err}
	}
	return out, err
}
