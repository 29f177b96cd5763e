package api

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// PATCH (RFC 7644 section 3.5.2), taken as real directories send it: "Replace" for replace, names with dots and brackets
// as keys of a value without a path, the values to remove beside a path without a filter.

// maxOperations bounds one PATCH.
const maxOperations = 1000

type operationOf struct {
	op    string
	path  string
	value any
	given bool // a value was sent
}

// readPatch reads the operations of a PATCH.
func readPatch(body object) ([]operationOf, error) {
	if err := once(body); err != nil {
		return nil, err
	}
	var list []any
	for name, value := range body {
		switch strings.ToLower(name) {
		case "schemas":
			if urns, ok := value.([]any); !ok || !slices.ContainsFunc(urns, func(u any) bool { return u == urnPatch }) {
				return nil, scimFault("invalidSyntax", "A PATCH is of the schema "+urnPatch+".")
			}
		case "operations":
			list, _ = value.([]any)
		}
	}
	if len(list) == 0 || len(list) > maxOperations {
		return nil, scimFault("invalidSyntax", "A PATCH has 1 to 1000 Operations.")
	}
	out := make([]operationOf, len(list))
	for i, one := range list {
		parts, ok := one.(object)
		if !ok {
			return nil, scimFault("invalidSyntax", "An operation is an object.")
		}
		if err := once(parts); err != nil {
			return nil, err
		}
		for name, value := range parts {
			s, isText := value.(string)
			switch strings.ToLower(name) {
			case "op":
				out[i].op = strings.ToLower(s)
			case "path":
				if !isText && value != nil {
					return nil, errPath
				}
				out[i].path = s
			case "value":
				out[i].value, out[i].given = value, true
			}
		}
		if !slices.Contains([]string{"add", "replace", "remove"}, out[i].op) {
			return nil, scimFault("invalidSyntax", "An operation is add, replace or remove.")
		}
		if !out[i].given && out[i].op != "remove" {
			return nil, scimFault("invalidValue", "An operation has no value.")
		}
	}
	return out, nil
}

// patch applies operations to a resource, in place, one after the other. After an error it may be half done: the caller
// throws it away.
func (r *resource) patch(o object, operations []operationOf) error {
	for _, op := range operations {
		var err error
		switch {
		case op.path != "":
			err = r.patchAt(o, op, false)
		case op.op == "remove":
			err = scimFault("noTarget", "A remove needs a path.")
		default:
			err = r.patchAll(o, op)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// patchAll is an operation without a path: each key of its value is one.
func (r *resource) patchAll(o object, op operationOf) error {
	values, ok := op.value.(object)
	if !ok {
		return scimFault("invalidValue", "Without a path the value is an object.")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		part := operationOf{op: op.op, path: name, value: values[name], given: true}
		if strings.EqualFold(name, r.urn) {
			part.path = ""
			if err := r.patchAll(o, part); err != nil {
				return err
			}
			continue
		}
		if err := r.patchAt(o, part, true); err != nil {
			return err
		}
	}
	return nil
}

// patchAt is an operation on one attribute. lenient lets what may not be written pass, as in a PUT.
func (r *resource) patchAt(o object, op operationOf, lenient bool) error {
	path := r.own(op.path)
	head, _, _ := strings.Cut(path, "[")
	head, _, _ = strings.Cut(head, ".")
	if strings.HasPrefix(strings.ToLower(path), "urn:") || isUnkept(head) {
		return nil // an extension, or of no use here
	}
	t, err := parsePath(r, path)
	switch {
	case lenient && (err != nil || t.attr == nil):
		return nil
	case err != nil:
		return err
	case t.attr == nil:
		return errPath
	case t.attr.readOnly || t.sub != nil && t.sub.readOnly:
		if lenient || t.sub != nil && !t.attr.readOnly {
			return nil
		}
		return scimFault("mutability", "The attribute "+t.attr.name+" cannot be written.")
	case op.op == "remove":
		return t.remove(o, op)
	case t.attr.multi && (t.meant != nil || t.sub != nil):
		return t.setSome(o, op)
	case t.sub != nil:
		return t.setPart(o, op.value)
	}
	return t.set(o, op)
}

// set is add or replace of a whole attribute.
func (t target) set(o object, op operationOf) error {
	value, err := t.attr.take(op.value)
	if err != nil {
		return err
	}
	if op.op == "add" && value == nil {
		return nil
	}
	if value == nil {
		return t.drop(o)
	}
	switch had := o[t.attr.name].(type) {
	case []any:
		if op.op == "add" {
			value = union(had, value.([]any))
		}
	case object:
		value = merge(had, value) // a complex value keeps the parts that are not named
	}
	o[t.attr.name] = value
	return nil
}

// drop takes an attribute away.
func (t target) drop(o object) error {
	if t.attr.required {
		return scimFault("mutability", "The attribute "+t.attr.name+" cannot be removed.")
	}
	delete(o, t.attr.name)
	return nil
}

// union adds the values that are not there yet. A new primary value takes that mark from the others.
func union(had, more []any) []any {
	out := slices.Clone(had)
	known := placesOf(out)
	for _, v := range more {
		at := known.find(out, v)
		if at >= 0 {
			out[at] = merge(out[at], v)
		} else {
			out, at = append(out, v), len(out)
			known[valueOf(v)] = append(known[valueOf(v)], at)
		}
		onlyPrimary(out, at)
	}
	return out
}

// places says where in a list the objects of a value are: a group of thousands is not gone through for each of thousands.
type places map[string][]int

func placesOf(list []any) places {
	p := places{}
	for i, v := range list {
		p[valueOf(v)] = append(p[valueOf(v)], i)
	}
	return p
}

// find is where the same as v is in the list; -1: nowhere.
func (p places) find(list []any, v any) int {
	for _, i := range p[valueOf(v)] {
		if same(list[i], v) {
			return i
		}
	}
	return -1
}

// valueOf is the value of an object of a list; empty where it has none.
func valueOf(v any) string {
	one, _ := v.(object)
	return text(one, "value")
}

// same compares two values of a list by what they stand for.
func same(a, b any) bool {
	x, isX := a.(object)
	y, isY := b.(object)
	if isX && isY && x["value"] != nil {
		return x["value"] == y["value"] && (x["type"] == y["type"] || x["type"] == nil || y["type"] == nil)
	}
	return reflect.DeepEqual(a, b)
}

// onlyPrimary leaves the mark of the primary value with the one at i, if it has it (RFC 7643 section 2.4).
func onlyPrimary(list []any, i int) {
	if one, ok := list[i].(object); !ok || one["primary"] != true {
		return
	}
	for k, v := range list {
		if one, ok := v.(object); ok && k != i && one["primary"] == true {
			list[k] = parts(one, func(name string) bool { return name != "primary" })
		}
	}
}

// setPart is add or replace of one part of a complex attribute.
func (t target) setPart(o object, value any) error {
	taken, err := t.sub.take(value)
	if err != nil {
		return err
	}
	had, _ := o[t.attr.name].(object)
	is := parts(merge(had, object{t.sub.name: taken}), func(name string) bool { return name != t.sub.name || taken != nil }).(object)
	if len(is) == 0 {
		delete(o, t.attr.name)
		return nil
	}
	o[t.attr.name] = is
	return nil
}

// setSome is add or replace of values of a list, or of one part of them. Where none is meant, one that would be is made:
// directories add what they have not seen with the same words as they change it.
func (t target) setSome(o object, op operationOf) error {
	list, _ := o[t.attr.name].([]any)
	list = slices.Clone(list)
	found := false
	for i := range list {
		one, ok := list[i].(object)
		if !ok || t.meant != nil && !t.meant(one) {
			continue
		}
		found = true
		is, err := t.changed(one, op)
		if err != nil {
			return err
		}
		list[i] = is
		onlyPrimary(list, i)
	}
	if !found {
		if t.fresh == nil && t.meant != nil {
			return scimFault("noTarget", "The path means no value.")
		}
		is, err := t.changed(t.fresh, op)
		if err != nil {
			return err
		}
		list = append(list, is)
		onlyPrimary(list, len(list)-1)
	}
	return t.keep(o, list)
}

func (t target) changed(one object, op operationOf) (object, error) {
	leaf := t.attr
	if t.sub != nil {
		leaf = t.sub
	}
	taken, err := leaf.takeOne(op.value)
	if err != nil {
		return nil, err
	}
	if t.sub != nil {
		return parts(merge(one, object{t.sub.name: taken}), func(name string) bool { return name != t.sub.name || taken != nil }).(object), nil
	}
	part, _ := taken.(object)
	return merge(one, part).(object), nil
}

// remove takes values away: all, those that the path means, or those that are named beside it.
func (t target) remove(o object, op operationOf) error {
	if !t.attr.multi {
		if t.sub == nil {
			return t.drop(o)
		}
		return t.setPart(o, nil)
	}
	named, err := t.attr.take(op.value)
	if err != nil {
		return err
	}
	if t.meant == nil && t.sub == nil && named == nil {
		if list, ok := op.value.([]any); ok && len(list) == 0 && op.given {
			return nil // of nobody
		}
		return t.drop(o)
	}
	names, _ := named.([]any)
	known := placesOf(names)
	list, _ := o[t.attr.name].([]any)
	var rest []any
	for _, v := range list {
		one, ok := v.(object)
		meant := ok && (t.meant == nil || t.meant(one))
		if t.meant == nil && names != nil {
			meant = known.find(names, one) >= 0
		}
		switch {
		case !meant:
			rest = append(rest, v)
		case t.sub != nil:
			rest = append(rest, parts(one, func(name string) bool { return name != t.sub.name }))
		}
	}
	return t.keep(o, rest)
}

// keep sets a list, without values that have nothing in them.
func (t target) keep(o object, list []any) error {
	list = slices.DeleteFunc(list, func(v any) bool {
		one, ok := v.(object)
		return ok && one["value"] == nil
	})
	if len(list) == 0 {
		return t.drop(o)
	}
	o[t.attr.name] = list
	return nil
}
