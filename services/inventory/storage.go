package inventory

import (
	"cmp"

	"github.com/kubeorch/core/models"
)

func (r *reading) claim() {
	spec, st := r.at("spec"), r.at("status")
	r.set("storageClass", spec.text("storageClassName"))
	modes := texts(spec.list("accessModes"))
	r.setList("accessModes", modes, len(modes))
	r.set("capacity", cmp.Or(st.at("capacity").quantity("storage"), spec.at("resources", "requests").quantity("storage")))
	r.set("volumeName", spec.text("volumeName"))
	states := map[string]string{
		"Bound": models.ResourceRunning, "Pending": models.ResourcePending, "Lost": models.ResourceFailed,
	}
	r.status = cmp.Or(states[st.text("phase")], models.ResourceUnknown)
	r.explain("persistentvolumeclaim")
}

func (r *reading) volume() {
	spec, st := r.at("spec"), r.at("status")
	r.set("storageClass", spec.text("storageClassName"))
	modes := texts(spec.list("accessModes"))
	r.setList("accessModes", modes, len(modes))
	r.set("capacity", spec.at("capacity").quantity("storage"))
	r.set("reclaimPolicy", spec.text("persistentVolumeReclaimPolicy"))
	if claim := spec.at("claimRef"); claim.text("name") != "" {
		r.set("claim", claim.text("namespace")+"/"+claim.text("name"))
	}
	states := map[string]string{
		"Bound": models.ResourceRunning, "Available": models.ResourceRunning, "Pending": models.ResourcePending,
		"Released": models.ResourceWarning, "Failed": models.ResourceFailed,
	}
	r.status = cmp.Or(states[st.text("phase")], models.ResourceUnknown)
	r.message = reported(cmp.Or(st.text("message"), st.text("reason")))
	if r.message == "" && r.status == models.ResourceWarning {
		r.message = "its claim is gone; the volume still holds the data"
	}
}

func (r *reading) storageClass() {
	for _, key := range []string{"provisioner", "reclaimPolicy", "volumeBindingMode"} {
		r.set(key, r.text(key))
	}
}
