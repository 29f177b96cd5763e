package api

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

// What a directory may say about people and groups (RFC 7643). One table of attributes is what requests are read by,
// filters and paths are checked against, and /Schemas tells. Names of attributes are the same in any case (section 2.1).

const (
	maxValues     = 100                     // of a list
	maxMembers    = 10_000                  // of a group
	scimType      = "application/scim+json" // RFC 7644 section 8.1
	urnUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnList       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	urnPatch      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	urnError      = "urn:ietf:params:scim:api:messages:2.0:Error"
	urnSchema     = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	urnType       = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	urnConfig     = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	typeString    = "string"
	typeBool      = "boolean"
	typeComplex   = "complex"
	typeReference = "reference"
	typeTime      = "dateTime"
)

// attribute is one of RFC 7643 section 7.
type attribute struct {
	name, typ, about string
	multi            bool
	readOnly         bool
	required         bool
	exact            bool // compared in its case
	unique           bool
	subs             []attribute
}

// resource is a kind of resource with its attributes, those that all have included.
type resource struct {
	name, path, urn, about string
	attrs                  []attribute
}

var commonAttrs = []attribute{
	{name: "schemas", typ: typeString, multi: true, readOnly: true, exact: true},
	{name: "id", typ: typeString, readOnly: true, exact: true, unique: true, about: "Made by the vault."},
	{name: "externalId", typ: typeString, exact: true, unique: true, about: "The directory's own ID; people are found by it at sign-in."},
	{name: "meta", typ: typeComplex, readOnly: true, subs: []attribute{
		{name: "resourceType", typ: typeString, readOnly: true, exact: true}, {name: "created", typ: typeTime, readOnly: true},
		{name: "lastModified", typ: typeTime, readOnly: true}, {name: "location", typ: typeReference, readOnly: true, exact: true},
		{name: "version", typ: typeString, readOnly: true, exact: true},
	}},
}

var users = &resource{name: "User", path: "/scim/v2/Users", urn: urnUser, about: "People who can sign in", attrs: []attribute{
	{name: "userName", typ: typeString, required: true, unique: true, about: "In lower case what the person signs in with: 2 to 64 letters, digits, dots, hyphens, underscores, @."},
	{name: "name", typ: typeComplex, about: "The parts of the name.", subs: []attribute{
		{name: "formatted", typ: typeString}, {name: "familyName", typ: typeString}, {name: "givenName", typ: typeString},
	}},
	{name: "displayName", typ: typeString, about: "The name that others see; without it, made of name or userName."},
	{name: "active", typ: typeBool, about: "False puts the person out at once."},
	{name: "emails", typ: typeComplex, multi: true, about: "Where notices go: the primary one, or the first.", subs: []attribute{
		{name: "value", typ: typeString}, {name: "type", typ: typeString}, {name: "primary", typ: typeBool},
	}},
	{name: "groups", typ: typeComplex, multi: true, readOnly: true, about: "Follows from the groups.", subs: []attribute{
		{name: "value", typ: typeString, readOnly: true, exact: true}, {name: "$ref", typ: typeReference, readOnly: true, exact: true},
		{name: "display", typ: typeString, readOnly: true}, {name: "type", typ: typeString, readOnly: true},
	}},
}}

var groups = &resource{name: "Group", path: "/scim/v2/Groups", urn: urnGroup, about: "Groups; what they mean here administrators say", attrs: []attribute{
	{name: "displayName", typ: typeString, required: true, unique: true, about: "What the group map knows the group by, in any case."},
	{name: "members", typ: typeComplex, multi: true, about: "Users only; a group in a group is not taken.", subs: []attribute{
		{name: "value", typ: typeString, exact: true}, {name: "$ref", typ: typeReference, readOnly: true, exact: true},
		{name: "display", typ: typeString, readOnly: true}, {name: "type", typ: typeString, readOnly: true},
	}},
}}

// unkept are attributes of the standard that the vault has no use for. Directories send them as a matter of course, so
// they are let pass and forgotten.
var unkept = []string{"nickName", "profileUrl", "title", "userType", "preferredLanguage", "locale", "timezone", "password",
	"phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates"}

func isUnkept(name string) bool {
	return slices.ContainsFunc(unkept, func(u string) bool { return strings.EqualFold(u, name) })
}

func attrOf(attrs []attribute, name string) *attribute {
	for i := range attrs {
		if strings.EqualFold(attrs[i].name, name) {
			return &attrs[i]
		}
	}
	return nil
}

func (r *resource) attr(name string) *attribute {
	if a := attrOf(r.attrs, name); a != nil {
		return a
	}
	return attrOf(commonAttrs, name)
}

// own takes the resource's own URN off the front of a name.
func (r *resource) own(name string) string {
	if prefix := r.urn + ":"; len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
		return name[len(prefix):]
	}
	return name
}

// read makes a resource of what was sent: known attributes that may be written, under their own names and of their own
// types. What is not known is forgotten (RFC 7644 section 3.3), what is known and wrong is refused.
func (r *resource) read(sent object) (object, error) {
	out := object{}
	for name, value := range sent {
		a := r.attr(r.own(name))
		if a == nil || a.readOnly {
			continue
		}
		if _, twice := out[a.name]; twice {
			return nil, scimFault("invalidSyntax", "An attribute is there twice: "+a.name+".")
		}
		taken, err := a.take(value)
		if err != nil {
			return nil, err
		}
		if taken != nil {
			out[a.name] = taken
		}
	}
	return out, nil
}

// take reads one value; nil is no value. Directories put single values into lists and objects, and booleans into text.
func (a *attribute) take(value any) (any, error) {
	if !a.multi {
		if list, ok := value.([]any); ok && len(list) == 1 {
			value = list[0]
		}
		return a.takeOne(value)
	}
	list, ok := value.([]any)
	if !ok && value != nil {
		list = []any{value}
	}
	most := maxValues
	if a.name == "members" {
		most = maxMembers
	}
	if len(list) > most {
		return nil, scimFault("invalidValue", "The list of "+a.name+" is too long.")
	}
	var out []any
	for _, v := range list {
		one, err := a.takeOne(v)
		if err != nil {
			return nil, err
		}
		if one != nil {
			out = append(out, one)
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

func (a *attribute) takeOne(value any) (any, error) {
	if value == nil {
		return nil, nil
	}
	wrong := scimFault("invalidValue", "The value of "+a.name+" is not of its type.")
	if a.typ == typeComplex {
		return a.takeComplex(value, wrong)
	}
	if wrapped, ok := value.(object); ok {
		if value, ok = wrapped["value"]; !ok {
			return nil, wrong
		}
	}
	switch v := value.(type) {
	case string:
		if a.typ != typeBool {
			if v == "" {
				return nil, nil
			}
			return v, nil
		}
		switch strings.ToLower(v) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
	case bool:
		if a.typ == typeBool {
			return v, nil
		}
	case json.Number:
		if a.typ == typeString {
			return v.String(), nil
		}
	}
	return nil, wrong
}

func (a *attribute) takeComplex(value any, wrong error) (any, error) {
	if text, ok := value.(string); ok && attrOf(a.subs, "value") != nil {
		value = object{"value": text}
	}
	parts, ok := value.(object)
	if !ok {
		return nil, wrong
	}
	if err := once(parts); err != nil {
		return nil, err
	}
	out := object{}
	for name, part := range parts {
		sub := attrOf(a.subs, name)
		if sub == nil || sub.readOnly {
			continue
		}
		taken, err := sub.take(part)
		if err != nil {
			return nil, err
		}
		if taken != nil {
			out[sub.name] = taken
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// once refuses a name that is there twice in different cases: which of the two counts would be chance.
func once(o object) error {
	seen := map[string]bool{}
	for name := range o {
		if name = strings.ToLower(name); seen[name] {
			return scimFault("invalidSyntax", "An attribute is there twice: names are the same in any case.")
		}
		seen[name] = true
	}
	return nil
}

// text is a value that read let through, or "".
func text(o object, name string) string {
	s, _ := o[name].(string)
	return s
}

// each yields the objects of a list that read let through.
func each(o object, name string) []object {
	var out []object
	list, _ := o[name].([]any)
	for _, v := range list {
		if one, ok := v.(object); ok {
			out = append(out, one)
		}
	}
	return out
}

// putText sets a value that is there.
func putText(o object, name, value string) {
	if value != "" {
		o[name] = value
	}
}

// userOf is the person that a resource describes. Whoever is not said to be inactive keeps what they were.
func userOf(o object, active bool) (vault.DirectoryUser, error) {
	name, _ := o["name"].(object)
	u := vault.DirectoryUser{
		UserName: text(o, "userName"), ExternalID: text(o, "externalId"), Display: text(o, "displayName"), Active: active,
		Formatted: text(name, "formatted"), Given: text(name, "givenName"), Family: text(name, "familyName"),
	}
	if u.UserName == "" {
		return u, scimFault("invalidValue", "userName is missing.")
	}
	if said, ok := o["active"].(bool); ok {
		u.Active = said
	}
	for _, m := range each(o, "emails") {
		primary, _ := m["primary"].(bool)
		if text(m, "value") != "" {
			u.Mails = append(u.Mails, vault.DirectoryMail{Value: text(m, "value"), Type: text(m, "type"), Primary: primary})
		}
	}
	return u, nil
}

// groupOf is the group that a resource describes.
func groupOf(o object) (vault.DirectoryGroup, error) {
	g := vault.DirectoryGroup{Name: text(o, "displayName"), ExternalID: text(o, "externalId")}
	if g.Name == "" {
		return g, scimFault("invalidValue", "displayName is missing.")
	}
	for _, m := range each(o, "members") {
		if text(m, "value") == "" {
			return g, scimFault("invalidValue", "A member has no value.")
		}
		g.Members = append(g.Members, vault.DirectoryMember{ID: vault.PersonID(text(m, "value"))})
	}
	return g, nil
}
