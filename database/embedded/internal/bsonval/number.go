package bsonval

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A number's key is the largest double that is not above it (8 bytes, ordered),
// then how far it is on the way to the next double in 16 bits, which is exact
// for integers, and a zero.

func appendNumber(dst []byte, v Value) []byte {
	floor, part := math.NaN(), uint16(0)
	switch v.Type {
	case bsoncore.TypeInt32:
		floor = float64(v.Int32())
	case bsoncore.TypeInt64:
		floor, part = floorInt(v.Int64())
	case bsoncore.TypeDouble:
		floor = v.Double()
	}
	dst = binary.BigEndian.AppendUint64(dst, ordered(floor))
	return append(binary.BigEndian.AppendUint16(dst, part), 0)
}

// ordered maps doubles to integers of the same order, NaN lowest.
func ordered(f float64) uint64 {
	if math.IsNaN(f) {
		return 0
	}
	bits := math.Float64bits(f)
	if f == 0 { // also -0
		bits = 0
	}
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}

// floorInt returns the largest double that is not above n, and how far n is on
// the way from it to the next double, in 1/65536.
func floorInt(n int64) (float64, uint16) {
	if n >= -1<<53 && n <= 1<<53 {
		return float64(n), 0
	}
	f := float64(n)
	if f >= 1<<63 || int64(f) > n {
		f = math.Nextafter(f, math.Inf(-1))
	}
	step := math.Nextafter(f, math.Inf(1)) - f
	return f, uint16(float64(n-int64(f)) / step * 65536)
}

func compareNumbers(a, b Value) int {
	if a.Type == bsoncore.TypeDouble && b.Type == bsoncore.TypeDouble {
		return cmp.Compare(ordered(a.Double()), ordered(b.Double()))
	}
	if isInt(a) && isInt(b) {
		return cmp.Compare(a.AsInt64(), b.AsInt64())
	}
	var bufA, bufB [16]byte
	return bytes.Compare(appendNumber(bufA[:0], a), appendNumber(bufB[:0], b))
}

func isInt(v Value) bool { return v.Type == bsoncore.TypeInt32 || v.Type == bsoncore.TypeInt64 }

// IsNaN reports whether v is the double that is no number.
func IsNaN(v Value) bool { return v.Type == bsoncore.TypeDouble && math.IsNaN(v.Double()) }

// AddInt64 returns a + b, and false if that overflows.
func AddInt64(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}
