package podlog

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"time"
)

// position is a place in a container's log: behind a line. Whoever reads the log from
// some second on, in the order of its file, computes the same positions, also where
// several lines have one time, and where times of stdout and stderr are out of order.
type position struct {
	at int64  // the newest time up to there, in Unix nanoseconds; 0: before the first line
	n  uint32 // lines from the first one with that time on
}

// next returns the position behind the following line, which has the time at.
func (p position) next(at int64) position {
	if at > p.at {
		return position{at, 1}
	}
	return position{p.at, p.n + 1}
}

// behind reports whether p comes later in the log than q.
func (p position) behind(q position) bool { return p.at > q.at || p.at == q.at && p.n > q.n }

// before returns the position in front of the line that p is behind.
func (p position) before() position { return position{p.at, p.n - 1} }

// since is the time from which to read in order to compute positions behind p: a
// second earlier, since a line may be that much older than the one before it. It is
// zero for the whole log.
func (p position) since() time.Time {
	if p.at == 0 {
		return time.Time{}
	}
	return time.Unix(0, p.at).Add(-time.Second)
}

// sourceID stands for a pod and container in event ids.
type sourceID [6]byte

func sourceIDOf(pod, container string) (id sourceID) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(pod + "/" + container)) // never fails
	copy(id[:], h.Sum(nil))
	return id
}

// maxEventID bounds the ids that are decoded. Those of maxSources are shorter.
const maxEventID = 16 << 10

// appendEventID appends the id of an event, behind which a reader has seen all of the
// sources up to their positions. It means the same on every server.
func appendEventID(b []byte, sources []*source) []byte {
	var raw [64]byte
	id := raw[:8]
	base := int64(0)
	for _, s := range sources {
		base = max(base, s.pos.at)
	}
	binary.BigEndian.PutUint64(id, uint64(base))
	for _, s := range sources {
		if s.pos == (position{}) {
			continue
		}
		id = append(id, s.id[:]...)
		id = binary.AppendVarint(id, base-s.pos.at)
		id = binary.AppendUvarint(id, uint64(s.pos.n))
	}
	return base64.RawURLEncoding.AppendEncode(b, id)
}

// parseEventID returns the positions in an id of appendEventID. Text of any other
// kind has none.
func parseEventID(text string) map[sourceID]position {
	if text == "" || len(text) > maxEventID {
		return nil
	}
	id, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(id) < 8 {
		return nil
	}
	base := int64(binary.BigEndian.Uint64(id))
	found := map[sourceID]position{}
	for id = id[8:]; len(id) > 0; {
		var key sourceID
		if len(id) < len(key) {
			return nil
		}
		id = id[copy(key[:], id):]
		back, size := binary.Varint(id)
		if size <= 0 {
			return nil
		}
		n, more := binary.Uvarint(id[size:])
		if more <= 0 || n > 1<<31 {
			return nil
		}
		id = id[size+more:]
		found[key] = position{base - back, uint32(n)}
	}
	return found
}
