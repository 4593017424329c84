package status

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// configMap and secret have no status: they are there or not.
type (
	configMap struct{}
	secret    struct{}
)

func extractConfigMap(*unstructured.Unstructured) facts { return configMap{} }
func extractSecret(*unstructured.Unstructured) facts    { return secret{} }

func (configMap) status(o *Object, _ []*Pod) Status {
	if o.Deleting {
		return with(Status{"state": "pending"}, "Terminating", "is being deleted from the cluster")
	}
	return Status{"state": "created"}
}

func (secret) status(o *Object, _ []*Pod) Status {
	s := configMap{}.status(o, nil)
	s["secretCreated"] = !o.Deleting
	return s
}

// claim are the facts of a PersistentVolumeClaim.
type claim struct {
	phase, capacity, volume, class string
	resizing                       string
	told                           *Event // what the cluster says of it
}

func extractClaim(u *unstructured.Unstructured) facts {
	o := object(u.Object)
	f := claim{
		phase:    o.at("status").text("phase"),
		capacity: o.at("status", "capacity").text("storage"),
		volume:   o.at("spec").text("volumeName"),
		class:    o.at("spec").text("storageClassName"),
	}
	for _, kind := range []string{"FileSystemResizePending", "Resizing"} {
		if c := o.condition(kind); c.status == "True" {
			f.resizing = cmp.Or(c.message, "the volume is being expanded")
		}
	}
	return f
}

func (f claim) explain(events []*Event) facts {
	f.told = newest(events, "PersistentVolumeClaim", spokenOf("PersistentVolumeClaim")...)
	return f
}

func (f claim) status(o *Object, _ []*Pod) Status {
	s := Status{"state": f.phase}
	if f.capacity != "" {
		s["capacity"] = f.capacity
	}
	if f.volume != "" {
		s["volumeName"] = f.volume
	}
	switch {
	case o.Deleting:
		return with(s, "Terminating", "is being deleted from the cluster, once no pod uses it")
	case f.phase == "Bound" && f.resizing != "" && (f.told.is("VolumeResizeFailed") || f.told.is("FileSystemResizeFailed")):
		return with(s, f.told.Reason, f.told.Text)
	case f.phase == "Bound":
		return with(s, "", f.resizing)
	case f.phase == "Lost":
		return with(s, "", fmt.Sprintf("the volume %q of this claim is gone", f.volume))
	}
	if f.told.is("ProvisioningFailed") {
		s["state"] = "error"
		return with(s, f.told.Reason, f.told.Text)
	}
	s["state"] = "Pending"
	if f.told != nil {
		return with(s, f.told.Reason, f.told.Text)
	}
	if f.class == "" {
		return with(s, "", "waiting for a volume; neither the claim nor the cluster names a storage class")
	}
	return with(s, "", fmt.Sprintf("waiting for a volume of storage class %q; some classes wait for the first pod", f.class))
}
