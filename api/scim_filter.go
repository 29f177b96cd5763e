package api

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	filter "github.com/scim2/filter-parser/v2"
)

// Filters and paths (RFC 7644 sections 3.4.2.2 and 3.5.2). They are parsed here and nowhere else; what the rest sees is
// a test of a resource, and what the database can be asked first.

const (
	maxFilter  = 1000 // bytes
	maxNesting = 12   // brackets that are open at once
)

// test reports whether a resource, or one value of a list, is meant.
type test func(o object) bool

// sought is what a filter asks for exactly, so that the database need not give everything: the user or group of a name,
// an external ID, a member.
type sought struct {
	name, externalID, member string
	members                  bool // the filter looks at members
}

// partAfterBrackets is how Microsoft Entra ID asks for somebody by address, emails[type eq "work"].value eq "…", which the
// standard writes with both conditions in the brackets. An "or" there would change its meaning; then it stays unread.
var partAfterBrackets = regexp.MustCompile(`(\w+)\[(\w+ eq (?:"[^"\\]*"|true|false))\]\.(\w+) (\w\w) ("(?:[^"\\]|\\.)*"|true|false)`)

// parseFilter reads a filter on resources of a kind.
func parseFilter(r *resource, text string) (test, sought, error) {
	if err := bounded(text); err != nil {
		return nil, sought{}, err
	}
	text = partAfterBrackets.ReplaceAllString(text, `$1[$2 and $3 $4 $5]`)
	expr, err := parsed(func() (filter.Expression, error) { return filter.ParseFilter([]byte(text)) })
	if err != nil {
		return nil, sought{}, errFilter
	}
	t, err := compile(append(r.attrs, commonAttrs...), r, expr)
	if err != nil {
		return nil, sought{}, err
	}
	var s sought
	s.read(r, expr)
	s.members = strings.Contains(strings.ToLower(text), "members")
	return t, s, nil
}

var errFilter = scimFault("invalidFilter", "The filter cannot be read: it takes eq, ne, co, sw, ew and pr on the attributes of this kind, and, or, not and brackets.")

// bounded refuses what would cost more than it can be worth.
func bounded(text string) error {
	depth := 0
	for _, b := range []byte(text) {
		switch b {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		}
		if depth > maxNesting {
			return scimFault("invalidFilter", "The filter has too many brackets in brackets.")
		}
	}
	if len(text) > maxFilter {
		return scimFault("invalidFilter", "The filter is longer than 1000 bytes.")
	}
	return nil
}

// parsed runs the parser, whose faults are the sender's.
func parsed[T any](parse func() (T, error)) (out T, err error) {
	defer func() {
		if recover() != nil {
			err = errFilter
		}
	}()
	return parse()
}

// compile checks an expression against the attributes and makes a test of it.
func compile(attrs []attribute, r *resource, expr filter.Expression) (test, error) {
	switch e := expr.(type) {
	case *filter.LogicalExpression:
		left, err := compile(attrs, r, e.Left)
		if err != nil {
			return nil, err
		}
		right, err := compile(attrs, r, e.Right)
		if err != nil {
			return nil, err
		}
		if e.Operator == filter.AND {
			return func(o object) bool { return left(o) && right(o) }, nil
		}
		return func(o object) bool { return left(o) || right(o) }, nil
	case *filter.NotExpression:
		inner, err := compile(attrs, r, e.Expression)
		if err != nil {
			return nil, err
		}
		return func(o object) bool { return !inner(o) }, nil
	case *filter.ValuePath:
		a, sub, err := attrAt(attrs, r, e.AttributePath)
		if err != nil || sub != nil || a.typ != typeComplex || !a.multi {
			return nil, errFilter
		}
		inner, err := compile(a.subs, nil, e.ValueFilter)
		if err != nil {
			return nil, err
		}
		return func(o object) bool {
			for _, one := range each(o, a.name) {
				if inner(one) {
					return true
				}
			}
			return false
		}, nil
	case *filter.AttributeExpression:
		return compileOne(attrs, r, e)
	}
	return nil, errFilter
}

// attrAt finds the attribute that a path names, and its part.
func attrAt(attrs []attribute, r *resource, p filter.AttributePath) (a, sub *attribute, err error) {
	if p.URIPrefix != nil && (r == nil || !strings.EqualFold(strings.TrimSuffix(p.URI(), ":"), r.urn)) {
		return nil, nil, errFilter
	}
	if a = attrOf(attrs, p.AttributeName); a == nil {
		return nil, nil, errFilter
	}
	if p.SubAttribute != nil {
		if sub = attrOf(a.subs, p.SubAttributeName()); sub == nil {
			return nil, nil, errFilter
		}
	}
	return a, sub, nil
}

func compileOne(attrs []attribute, r *resource, e *filter.AttributeExpression) (test, error) {
	a, sub, err := attrAt(attrs, r, e.AttributePath)
	if err != nil {
		return nil, err
	}
	leaf := a
	if sub != nil {
		leaf = sub
	}
	op := filter.CompareOperator(strings.ToLower(string(e.Operator)))
	if op == filter.PR {
		return func(o object) bool { return len(valuesAt(o, a, sub)) > 0 }, nil
	}
	if leaf.typ == typeComplex {
		if leaf = attrOf(a.subs, "value"); leaf == nil {
			return nil, errFilter
		}
		sub = leaf
	}
	want, err := operand(leaf, op, e.CompareValue)
	if err != nil {
		return nil, err
	}
	hit, err := comparison(leaf, op, want)
	if err != nil {
		return nil, err
	}
	return func(o object) bool {
		for _, have := range valuesAt(o, a, sub) {
			if hit(have) {
				return op != filter.NE
			}
		}
		return op == filter.NE // no value of it is the one
	}, nil
}

// operand is what a filter compares with: text, or a boolean, which directories also write as text.
func operand(leaf *attribute, op filter.CompareOperator, value any) (any, error) {
	if leaf.typ == typeBool {
		if s, ok := value.(string); ok && (op == filter.EQ || op == filter.NE) {
			switch strings.ToLower(s) {
			case "true":
				return true, nil
			case "false":
				return false, nil
			}
		}
		if b, ok := value.(bool); ok && (op == filter.EQ || op == filter.NE) {
			return b, nil
		}
		return nil, errFilter
	}
	s, ok := value.(string)
	if !ok {
		return nil, errFilter
	}
	var plain string
	if json.Unmarshal([]byte(`"`+s+`"`), &plain) != nil {
		return nil, errFilter
	}
	return plain, nil
}

// comparison tells whether a value is meant; for ne, whether it is the one that must not be there.
func comparison(leaf *attribute, op filter.CompareOperator, want any) (func(any) bool, error) {
	fold := func(v any) string {
		s := fmt.Sprint(v)
		if leaf.exact {
			return s
		}
		return strings.ToLower(s)
	}
	sought := fold(want)
	switch op {
	case filter.EQ, filter.NE:
		return func(have any) bool { return fold(have) == sought }, nil
	case filter.CO:
		return func(have any) bool { return strings.Contains(fold(have), sought) }, nil
	case filter.SW:
		return func(have any) bool { return strings.HasPrefix(fold(have), sought) }, nil
	case filter.EW:
		return func(have any) bool { return strings.HasSuffix(fold(have), sought) }, nil
	}
	return nil, scimFault("invalidFilter", "The filter's comparison is not supported here: eq, ne, co, sw, ew and pr are.")
}

// valuesAt are the values of an attribute, or of a part of it.
func valuesAt(o object, a, sub *attribute) []any {
	var out []any
	add := func(v any) {
		if part, ok := v.(object); ok && sub != nil {
			v = part[sub.name]
		}
		if v != nil {
			out = append(out, v)
		}
	}
	if list, ok := o[a.name].([]any); ok {
		for _, one := range list {
			add(one)
		}
		return out
	}
	add(o[a.name])
	return out
}

// read notes what must be so for the filter to hold at all: the parts of an outer "and".
func (s *sought) read(r *resource, expr filter.Expression) {
	switch e := expr.(type) {
	case *filter.LogicalExpression:
		if e.Operator == filter.AND {
			s.read(r, e.Left)
			s.read(r, e.Right)
		}
	case *filter.ValuePath:
		if inner, ok := e.ValueFilter.(*filter.AttributeExpression); ok && strings.EqualFold(e.AttributePath.AttributeName, "members") &&
			strings.EqualFold(inner.AttributePath.AttributeName, "value") {
			s.note(inner, &s.member)
		}
	case *filter.AttributeExpression:
		sub := e.AttributePath.SubAttributeName()
		switch name := strings.ToLower(e.AttributePath.AttributeName); {
		case name == "username" && r == users, name == "displayname" && r == groups:
			s.note(e, &s.name)
		case name == "externalid":
			s.note(e, &s.externalID)
		case name == "members" && r == groups && (sub == "" || strings.EqualFold(sub, "value")):
			s.note(e, &s.member)
		}
	}
}

func (s *sought) note(e *filter.AttributeExpression, to *string) {
	value, ok := e.CompareValue.(string)
	if ok && strings.EqualFold(string(e.Operator), "eq") && !strings.Contains(value, `\`) {
		*to = value
	}
}

// target is where an operation of a PATCH applies.
type target struct {
	attr, sub *attribute
	meant     test   // which values of a list; nil: all
	fresh     object // a value that would be meant, where none is; nil: it cannot be told
}

// parsePath reads the path of an operation. Its attribute is nil where the name is none of the kind's.
func parsePath(r *resource, path string) (target, error) {
	if err := bounded(path); err != nil {
		return target{}, errPath
	}
	p, err := parsed(func() (filter.Path, error) { return filter.ParsePath([]byte(r.own(path))) })
	if err != nil {
		return target{}, errPath
	}
	t := target{attr: r.attr(p.AttributePath.AttributeName)}
	if t.attr == nil || p.AttributePath.URIPrefix != nil {
		return target{}, nil
	}
	part := p.AttributePath.SubAttributeName()
	if p.SubAttribute != nil {
		part = *p.SubAttribute
	}
	if part != "" {
		if t.sub = attrOf(t.attr.subs, part); t.sub == nil {
			return target{}, errPath
		}
	}
	if p.ValueExpression == nil {
		return t, nil
	}
	if !t.attr.multi || t.attr.typ != typeComplex {
		return target{}, errPath
	}
	if t.meant, err = compile(t.attr.subs, nil, p.ValueExpression); err != nil {
		return target{}, errPath
	}
	if e, ok := p.ValueExpression.(*filter.AttributeExpression); ok && strings.EqualFold(string(e.Operator), "eq") {
		if leaf := attrOf(t.attr.subs, e.AttributePath.AttributeName); leaf != nil && e.AttributePath.SubAttribute == nil {
			if want, err := operand(leaf, filter.EQ, e.CompareValue); err == nil {
				t.fresh = object{leaf.name: want}
			}
		}
	}
	return t, nil
}

var errPath = scimFault("invalidPath", "The path cannot be read, or names no attribute of this kind.")
