package bsonval

import (
	"encoding/binary"
	"math"
	"math/big"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// A number's key is the largest double that is not above it (8 bytes, ordered),
// then how far it is on the way to the next double: 16 bits, which is exact for
// integers, and 0, or 1 and 112 bits more, which tells any two decimals apart.
// Decimals outside the range of doubles compare as its ends.

func appendNumber(dst []byte, v Value) []byte {
	switch v.Type {
	case bsoncore.TypeInt32:
		return append(binary.BigEndian.AppendUint64(dst, ordered(float64(v.Int32()))), 0, 0, 0)
	case bsoncore.TypeInt64:
		floor, part := floorInt(v.Int64())
		dst = binary.BigEndian.AppendUint64(dst, ordered(floor))
		return append(binary.BigEndian.AppendUint16(dst, part), 0)
	case bsoncore.TypeDecimal128:
		return appendDecimal(dst, v)
	}
	return append(binary.BigEndian.AppendUint64(dst, ordered(v.Double())), 0, 0, 0)
}

// ordered maps doubles to integers of the same order, NaN lowest.
func ordered(f float64) uint64 {
	if math.IsNaN(f) {
		return 0
	}
	bits := math.Float64bits(f + 0) // -0 + 0 is 0
	if f == 0 {
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

func appendDecimal(dst []byte, v Value) []byte {
	hi, lo := v.Decimal128()
	d := bson.NewDecimal128(hi, lo)
	if d.IsNaN() {
		return append(binary.BigEndian.AppendUint64(dst, 0), 0, 0, 0)
	}
	if sign := d.IsInf(); sign != 0 {
		return append(binary.BigEndian.AppendUint64(dst, ordered(math.Inf(sign))), 0, 0, 0)
	}
	floor, part := floorRat(decimalRat(d))
	dst = binary.BigEndian.AppendUint64(dst, ordered(floor))
	var frac [16]byte
	part.FillBytes(frac[:])
	dst = append(dst, frac[:2]...)
	if [14]byte(frac[2:]) == [14]byte{} {
		return append(dst, 0)
	}
	return append(append(dst, 1), frac[2:]...)
}

func decimalRat(d bson.Decimal128) *big.Rat {
	digits, exp, err := d.BigInt()
	if err != nil {
		return new(big.Rat)
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exp, -exp))), nil)
	if exp < 0 {
		return new(big.Rat).SetFrac(digits, power)
	}
	return new(big.Rat).SetInt(digits.Mul(digits, power))
}

// floorRat is floorInt for any number, with a part in 1/2^128.
func floorRat(r *big.Rat) (float64, *big.Int) {
	f, exact := r.Float64()
	switch {
	case exact:
		return f, new(big.Int)
	case math.IsInf(f, -1):
		return -math.MaxFloat64, new(big.Int)
	case math.IsInf(f, 1):
		f = math.MaxFloat64
	case new(big.Rat).SetFloat64(f).Cmp(r) > 0:
		f = math.Nextafter(f, math.Inf(-1))
	}
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	next := math.Nextafter(f, math.Inf(1))
	if math.IsInf(next, 1) {
		return f, limit.Sub(limit, big.NewInt(1))
	}
	floor := new(big.Rat).SetFloat64(f)
	step := new(big.Rat).Sub(new(big.Rat).SetFloat64(next), floor)
	part := new(big.Rat).Quo(new(big.Rat).Sub(r, floor), step)
	part.Mul(part, new(big.Rat).SetInt(limit))
	return f, new(big.Int).Quo(part.Num(), part.Denom())
}

func compareNumbers(a, b Value) int {
	if a.Type == bsoncore.TypeDouble && b.Type == bsoncore.TypeDouble {
		return compareOrdered(ordered(a.Double()), ordered(b.Double()))
	}
	if isInt(a) && isInt(b) {
		return compareOrdered(a.AsInt64(), b.AsInt64())
	}
	var bufA, bufB [32]byte
	return compareBytes(appendNumber(bufA[:0], a), appendNumber(bufB[:0], b))
}

func isInt(v Value) bool { return v.Type == bsoncore.TypeInt32 || v.Type == bsoncore.TypeInt64 }
