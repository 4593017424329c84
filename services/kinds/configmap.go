package kinds

import (
	"encoding/base64"
	"maps"
	"slices"

	"github.com/kubeorch/core/pkg/validator"
)

// maxDataSize is how much a ConfigMap may hold, in bytes.
const maxDataSize = 1 << 20

// newConfigMap returns the kind that holds settings for workloads.
func newConfigMap(r renderer) Kind {
	return templateKind{templated{TypeConfigMap, r}, validator.Label, configMapValues}
}

func configMapValues(_ *Node, f fields) map[string]any {
	data, binary := f.stringMap("data"), f.stringMap("binaryData")
	size := 0
	for _, key := range slices.Sorted(maps.Keys(data)) {
		f.check(entryPath("data", key), key, validator.DataKey)
		if _, twice := binary[key]; twice {
			f.addf(entryPath("binaryData", key), "is a key of data, too")
		}
		size += len(data[key])
	}
	for _, key := range slices.Sorted(maps.Keys(binary)) {
		f.check(entryPath("binaryData", key), key, validator.DataKey)
		raw, err := base64.StdEncoding.DecodeString(binary[key])
		if err != nil {
			f.addf(entryPath("binaryData", key), "must be base64")
		}
		size += len(raw)
	}
	if size > maxDataSize {
		f.addf("data", "holds %d bytes; %d at most fit", size, maxDataSize)
	}
	return map[string]any{"data": data, "binaryData": binary, "immutable": f.flag("immutable")}
}
