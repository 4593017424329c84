package kinds

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubeorch/core/pkg/validator"
)

// mounts are the volumes of a workload's pods, and where its container sees
// them.
type mounts struct {
	f       fields
	volumes []any
	mounts  []any
	devices []any

	nodes  map[*Node]bool    // what is mounted of the drawing
	byKey  map[string]string // a volume's source → its name
	names  map[string]bool   // volume names in use
	tried  map[string]int    // a volume's base name → numbers that are in use
	atPath map[string]mount  // mount path → what is there
	subs   []*Node           // ConfigMaps of which a single path is mounted
}

// mount is one place of one volume.
type mount struct {
	field    string // for reports
	source   string // for reports: `configMap "settings"`
	volume   string
	path     string
	subPath  any
	readOnly any
	block    bool
}

// newMounts resolves what the drawing mounts into n. Volume names in reserved
// are left to others.
func newMounts(n *Node, f fields, reserved ...string) *mounts {
	m := &mounts{
		f: f, nodes: map[*Node]bool{}, byKey: map[string]string{}, names: map[string]bool{}, tried: map[string]int{},
		atPath: map[string]mount{},
	}
	for _, name := range reserved {
		m.names[name] = true
	}
	entries := f.objects("volumeMounts")
	peers := matchMounts(n, entries)
	for i, e := range entries {
		m.entry(e, fmt.Sprintf("volumeMounts[%d]", i), peers[i])
	}
	for _, claim := range joined(n, TypeClaim) {
		if !m.nodes[claim] {
			m.nodes[claim] = true
			m.add(mount{
				source: describe(TypeClaim, claim.Name), path: "/data/" + claim.Name, block: isBlock(claim),
				volume: m.volume(TypeClaim, claim.Name, map[string]any{"claimName": claim.Name}),
			})
		}
	}
	return m
}

// sourceField maps a mount's type, in lower case, to the field of a volume.
func sourceField(typ string) string {
	switch typ {
	case TypeConfigMap:
		return "configMap"
	case TypeSecret:
		return "secret"
	}
	return "persistentVolumeClaim"
}

func describe(typ, name string) string { return fmt.Sprintf("%s %q", sourceField(typ), name) }

func isBlock(claim *Node) bool {
	return claim != nil && claim.Data.String("volumeMode") == string(corev1.PersistentVolumeBlock)
}

// entry adds one entry of volumeMounts. The name of the node it stands for
// wins over the stored one, which is from when the edge was drawn.
func (m *mounts) entry(e fields, field string, peer *Node) {
	typ := strings.ToLower(e.required("type", mountType))
	var name string
	if peer != nil {
		name = peer.Name
		m.nodes[peer] = true
	} else {
		name = e.required("name", validator.Subdomain)
	}
	at := mount{
		field: field + ".mountPath", source: describe(typ, name), block: isBlock(peer),
		path: e.required("mountPath"), subPath: e.text("subPath", subPath), readOnly: e.flag("readOnly"),
	}
	if typ != TypeClaim {
		at.readOnly = true
		if peer != nil && at.subPath != nil && typ == TypeConfigMap {
			m.subs = append(m.subs, peer)
		}
	}
	source := volumeSource(e, typ, name)
	if name == "" || at.path == "" || typ == "" {
		return // reported above
	}
	at.volume = m.volume(typ, name, source)
	m.add(at)
}

func volumeSource(e fields, typ, name string) map[string]any {
	if typ == TypeClaim {
		return map[string]any{"claimName": name}
	}
	source := map[string]any{"name": name}
	if typ == TypeSecret {
		// The Secret does not exist before its values were typed; pods do not
		// wait for it.
		source = map[string]any{"secretName": name, "optional": true}
	}
	set(source, "items", e.decode("items", &[]corev1.KeyToPath{}))
	set(source, "defaultMode", e.number("defaultMode", 0, 0o777))
	return source
}

// volume returns the name of the volume with that source; the same source
// again is the same volume.
func (m *mounts) volume(typ, name string, source map[string]any) string {
	raw, _ := json.Marshal(source) // plain data
	key := typ + string(raw)
	if have, ok := m.byKey[key]; ok {
		return have
	}
	volume := m.free(name)
	m.byKey[key], m.names[volume] = volume, true
	m.volumes = append(m.volumes, map[string]any{"name": volume, sourceField(typ): source})
	return volume
}

// free returns an unused volume name like "<name>-volume".
func (m *mounts) free(name string) string {
	const suffix, longest = "-volume", 63
	base := strings.ReplaceAll(name, ".", "-")
	for {
		m.tried[base]++
		i, end := m.tried[base], suffix
		if i > 1 {
			end = fmt.Sprintf("%s-%d", suffix, i)
		}
		volume := strings.TrimRight(base[:min(len(base), longest-len(end))], "-") + end
		if !m.names[volume] {
			return volume
		}
	}
}

// add puts a mount at its path, which only one volume can have.
func (m *mounts) add(at mount) {
	clean := path.Clean("/" + at.path) // as a kubelet takes it
	if other, taken := m.atPath[clean]; taken {
		if other.volume != at.volume || other.subPath != at.subPath {
			m.f.addf(cmp.Or(at.field, other.field, "volumeMounts"), "%s of %s is already the mount path of %s",
				at.path, at.source, other.source)
		}
		return
	}
	m.atPath[clean] = at
	if at.block {
		m.devices = append(m.devices, map[string]any{"name": at.volume, "devicePath": at.path})
		return
	}
	one := map[string]any{"name": at.volume, "mountPath": at.path}
	set(one, "subPath", at.subPath)
	set(one, "readOnly", at.readOnly)
	m.mounts = append(m.mounts, one)
}

// matchMounts returns the joined node that each entry stands for: by id, else
// by name, else as the only one of its type that is left, since an entry
// keeps the name and id that a renamed or renumbered node once had.
func matchMounts(n *Node, entries []fields) []*Node {
	found := make([]*Node, len(entries))
	byType := make(map[string][]*Node)
	for _, typ := range []string{TypeConfigMap, TypeSecret, TypeClaim} {
		byType[typ] = joined(n, typ)
	}
	for i, e := range entries {
		peers := byType[strings.ToLower(e.data.String("type"))]
		found[i] = onlyOne(peers, func(p *Node) bool { return p.ID == e.data.String("nodeId") })
		if found[i] == nil {
			found[i] = onlyOne(peers, func(p *Node) bool { return p.Name == e.data.String("name") })
		}
	}
	for typ, peers := range byType {
		var left []int
		for i, e := range entries {
			if found[i] == nil && strings.ToLower(e.data.String("type")) == typ && e.data.String("nodeId") != "" {
				left = append(left, i)
			}
		}
		peer := onlyOne(peers, func(p *Node) bool { return !slices.Contains(found, p) })
		if len(left) == 1 {
			found[left[0]] = peer
		}
	}
	return found
}

// onlyOne returns the one node that fits, and nil when several do.
func onlyOne(nodes []*Node, fits func(*Node) bool) *Node {
	var found *Node
	for _, n := range nodes {
		if !fits(n) {
			continue
		}
		if found != nil {
			return nil
		}
		found = n
	}
	return found
}

func mountType(s string) string {
	switch strings.ToLower(s) {
	case TypeConfigMap, TypeSecret, TypeClaim:
		return ""
	}
	return "must be one of configMap, secret, persistentVolumeClaim"
}

func subPath(s string) string {
	if path.IsAbs(s) || slices.Contains(strings.Split(s, "/"), "..") {
		return "must be a relative path without \"..\""
	}
	return ""
}
