package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth = 64 // nesting of one value

	// maxSimpleKey keeps keys below the 1,024 characters after which YAML
	// no longer takes them for keys unless "? " says so.
	maxSimpleKey = 1000
)

// encode returns v as YAML on one line: null, a bool, a number, a quoted string, or
// a list or map of those in flow style. It cannot change the structure of a
// document, wherever it stands: of strings only [A-Za-z0-9._/-] appear as they are,
// all other characters as escapes.
//
// Text that is not UTF-8, numbers that are not finite, and types that YAML
// has no notation for are errors.
func encode(v any) (string, error) {
	var b strings.Builder
	if err := write(&b, reflect.ValueOf(v), 0); err != nil {
		return "", err
	}
	return b.String(), nil
}

func write(b *strings.Builder, v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errors.New("a value is nested too deeply")
	}
	switch v.Kind() {
	case reflect.Invalid:
		b.WriteString("null")
	case reflect.Interface, reflect.Pointer:
		return write(b, v.Elem(), depth+1)
	case reflect.Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		b.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		b.WriteString(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		return writeFloat(b, v.Float())
	case reflect.String:
		if v.Type() == reflect.TypeFor[json.Number]() {
			return writeNumber(b, v.String())
		}
		return writeString(b, v.String())
	case reflect.Slice, reflect.Array:
		return writeList(b, v, depth)
	case reflect.Map:
		return writeMap(b, v, depth)
	default:
		return fmt.Errorf("a value of type %s cannot be printed", v.Type())
	}
	return nil
}

func writeFloat(b *strings.Builder, f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("a number is not finite")
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.Contains(s, ".") {
		// YAML 1.1 takes 1e+06 for text.
		s = strings.Replace(s, "e", ".0e", 1)
	}
	b.WriteString(s)
	return nil
}

// writeNumber writes a number with the digits that it has.
func writeNumber(b *strings.Builder, literal string) error {
	var n json.Number
	if err := json.Unmarshal([]byte(literal), &n); err != nil || n.String() != literal {
		return errors.New("a number is not in the notation of JSON")
	}
	b.WriteString(literal)
	return nil
}

func writeList(b *strings.Builder, v reflect.Value, depth int) error {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return errors.New("bytes cannot be printed; encode them as base64")
	}
	b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := write(b, v.Index(i), depth+1); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func writeMap(b *strings.Builder, v reflect.Value, depth int) error {
	if v.Type().Key().Kind() != reflect.String {
		return fmt.Errorf("a map with keys of type %s cannot be printed", v.Type().Key())
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := writeKey(b, k.String()); err != nil {
			return err
		}
		if err := write(b, v.MapIndex(k), depth+1); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func writeKey(b *strings.Builder, key string) error {
	var k strings.Builder
	if err := writeString(&k, key); err != nil {
		return err
	}
	if k.Len() > maxSimpleKey {
		b.WriteString("? ")
	}
	b.WriteString(k.String())
	b.WriteString(": ")
	return nil
}

func writeString(b *strings.Builder, s string) error {
	if !utf8.ValidString(s) {
		return errors.New("a text is not valid UTF-8")
	}
	b.Grow(len(s) + 2)
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case plain(r):
			b.WriteByte(byte(r))
		case r <= 0xff:
			writeEscape(b, 'x', r, 2)
		case r <= 0xffff:
			writeEscape(b, 'u', r, 4)
		default:
			writeEscape(b, 'U', r, 8)
		}
	}
	b.WriteByte('"')
	return nil
}

func plain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		r == '.' || r == '_' || r == '/' || r == '-'
}

func writeEscape(b *strings.Builder, letter byte, r rune, digits int) {
	const hex = "0123456789ABCDEF"
	b.WriteByte('\\')
	b.WriteByte(letter)
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b.WriteByte(hex[r>>shift&0xf])
	}
}
