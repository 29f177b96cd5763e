package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/clinivault/clinivault/imaging"
	"github.com/clinivault/clinivault/vault"
	"github.com/clinivault/clinivault/vault/seal"
)

// object is a JSON object of the API document.
type object = map[string]any

// named gives shapes that reflection cannot see: types with JSON of their own, and strings of a fixed set.
var named = map[reflect.Type]object{
	reflect.TypeFor[time.Time]():       {"type": "string", "format": "date-time"},
	reflect.TypeFor[vault.Time]():      {"type": []string{"string", "null"}, "format": "date-time", "description": "RFC 3339 in UTC with milliseconds"},
	reflect.TypeFor[json.RawMessage](): {},
	reflect.TypeFor[[]byte]():          {"type": "string", "contentEncoding": "base64"},
	reflect.TypeFor[vault.Role]():      {"type": "string", "enum": []string{"clinician", "reviewer", "records", "privacy", "admin"}},
	reflect.TypeFor[imaging.Kind]():    {"type": "string", "enum": []string{"face", "tattoo", "text", "drawn"}},
	reflect.TypeFor[seal.Receipt](): {
		"type":     "object",
		"required": []string{"capture_id", "photo_id", "digest", "size", "received_at", "key_id", "signature"},
		"properties": object{
			"capture_id":  object{"type": "string", "pattern": "^[0-9a-f]{32}$"},
			"photo_id":    object{"type": "string"},
			"digest":      object{"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "SHA-256 of the envelope"},
			"size":        object{"type": "integer", "format": "int64", "description": "bytes of the envelope"},
			"received_at": object{"type": "string", "format": "date-time"},
			"key_id":      object{"type": "string", "description": "which key of GET /api/v1/keys signed"},
			"signature":   object{"type": "string", "contentEncoding": "base64", "description": "Ed25519, see vault/FORMAT.md"},
		},
	},
}

// shapes collects the JSON Schemas (2020-12) of Go types, each struct once under its name.
type shapes struct {
	schemas object
}

// of gives the schema of t as encoding/json writes it. Structs with a name become references.
func (s *shapes) of(t reflect.Type) object {
	if fixed, ok := named[t]; ok {
		if fixed["type"] == "object" {
			s.schemas[t.Name()] = fixed
			return ref(t.Name())
		}
		return fixed
	}
	switch t.Kind() {
	case reflect.Pointer:
		return object{"anyOf": []object{s.of(t.Elem()), {"type": "null"}}}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": []string{"array", "null"}, "items": s.of(t.Elem())}
	case reflect.Array:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.structure(t)
	case reflect.Interface:
		return object{}
	}
	if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 {
		return object{"type": "integer", "format": "int64"}
	}
	panic("api: no JSON schema for " + t.String())
}

func (s *shapes) structure(t reflect.Type) object {
	name := t.Name()
	if name == "" {
		return s.fields(t)
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if _, done := s.schemas[name]; !done {
		s.schemas[name] = object{} // a type that holds itself finds the reference
		s.schemas[name] = s.fields(t)
	}
	return ref(name)
}

func (s *shapes) fields(t reflect.Type) object {
	props, required := object{}, []string{}
	for f := range visible(t) {
		tag, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "" {
			tag = f.Name
		}
		props[tag] = s.of(f.Type)
		if !strings.Contains(rest, "omit") {
			required = append(required, tag)
		}
	}
	out := object{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// visible yields the fields that encoding/json writes, those of embedded structs included.
func visible(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, f := range reflect.VisibleFields(t) {
			plainEmbed := f.Anonymous && f.Tag.Get("json") == "" && f.Type.Kind() == reflect.Struct
			if !f.IsExported() || f.Tag.Get("json") == "-" || plainEmbed {
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }
