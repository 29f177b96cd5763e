package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/clinivault/clinivault/vault"
)

// base is where the resources are, for their locations.
func (c *call) base() string {
	if c.s.secure {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}

// tellUser is a person as a resource.
func (c *call) tellUser(u vault.DirectoryUser) object {
	o := object{"schemas": []any{urnUser}, "id": string(u.ID), "userName": u.UserName, "active": u.Active}
	putText(o, "externalId", u.ExternalID)
	putText(o, "displayName", u.Display)
	name := object{}
	putText(name, "formatted", u.Formatted)
	putText(name, "familyName", u.Family)
	putText(name, "givenName", u.Given)
	if len(name) > 0 {
		o["name"] = name
	}
	var mails, in []any
	for _, m := range u.Mails {
		mail := object{"value": m.Value}
		putText(mail, "type", m.Type)
		if m.Primary {
			mail["primary"] = true
		}
		mails = append(mails, mail)
	}
	for _, g := range u.Groups {
		in = append(in, object{"value": string(g.ID), "display": g.Name, "type": "direct", "$ref": c.base() + groups.path + "/" + string(g.ID)})
	}
	if mails != nil {
		o["emails"] = mails
	}
	if in != nil {
		o["groups"] = in
	}
	return c.sealed(users, o, u.CreatedAt, u.ChangedAt)
}

// tellGroup is a group as a resource.
func (c *call) tellGroup(g vault.DirectoryGroup) object {
	o := object{"schemas": []any{urnGroup}, "id": string(g.ID), "displayName": g.Name}
	putText(o, "externalId", g.ExternalID)
	var members []any
	for _, m := range g.Members {
		members = append(members, object{"value": string(m.ID), "display": m.Name, "type": "User", "$ref": c.base() + users.path + "/" + string(m.ID)})
	}
	if members != nil {
		o["members"] = members
	}
	return c.sealed(groups, o, g.CreatedAt, g.ChangedAt)
}

// sealed adds meta. The version is a digest of the whole resource, so that it changes with whatever is told, groups that
// follow from elsewhere included; it is weak, because the order of what is told may vary (RFC 9110 section 8.8.1).
func (c *call) sealed(r *resource, o object, created, changed vault.Time) object {
	text, _ := json.Marshal(o) // strings and booleans; keys in order: cannot fail
	sum := sha256.Sum256(text)
	o["meta"] = object{"resourceType": r.name, "created": created.String(), "lastModified": changed.String(),
		"location": c.base() + r.path + "/" + o["id"].(string), "version": `W/"` + hex.EncodeToString(sum[:12]) + `"`}
	return o
}

func versionOf(o object) string { return text(o["meta"].(object), "version") }

// matches reports whether a header of entity tags names this version, compared weakly (RFC 9110 section 8.8.3.2).
func matches(header, version string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(version, "W/") {
			return true
		}
	}
	return false
}

// wanted refuses a change of what the directory has not seen (If-Match).
func (c *call) wanted(o object) error {
	if header := c.r.Header.Get("If-Match"); header != "" && !matches(header, versionOf(o)) {
		return errPrecondition
	}
	return nil
}

// tell answers with one resource.
func (c *call) tell(status int, r *resource, o object) error {
	show, err := c.shown(r)
	if err != nil {
		return err
	}
	h, version, location := c.w.Header(), versionOf(o), text(o["meta"].(object), "location")
	h.Set("ETag", version)
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		if header := c.r.Header.Get("If-None-Match"); header != "" && matches(header, version) {
			c.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	if status == http.StatusCreated {
		h.Set("Location", location)
	}
	h.Set("Content-Location", location)
	return c.answerAs(scimType, status, show(o))
}

// maxShown bounds the names in attributes and excludedAttributes.
const maxShown = 2000

// shown reads which attributes the directory wants (RFC 7644 section 3.9). schemas and id are always there.
func (c *call) shown(r *resource) (func(object) object, error) {
	q := c.r.URL.Query()
	only, not := q.Get("attributes"), q.Get("excludedAttributes")
	switch {
	case only != "" && not != "":
		return nil, scimFault("invalidValue", "attributes and excludedAttributes go not together.")
	case len(only)+len(not) > maxShown:
		return nil, scimFault("invalidValue", "attributes or excludedAttributes is too long.")
	case only != "":
		return func(o object) object { return r.pick(o, only) }, nil
	case not != "":
		return func(o object) object { return r.omit(o, not) }, nil
	}
	return func(o object) object { return o }, nil
}

// pick keeps the named attributes, or parts of them.
func (r *resource) pick(o object, list string) object {
	out := object{"schemas": o["schemas"], "id": o["id"]}
	for name := range strings.SplitSeq(list, ",") {
		top, sub, _ := strings.Cut(r.own(strings.TrimSpace(name)), ".")
		a := r.attr(top)
		if a == nil || o[a.name] == nil {
			continue
		}
		if s := attrOf(a.subs, sub); s != nil {
			out[a.name] = merge(out[a.name], parts(o[a.name], func(name string) bool { return name == s.name }))
			continue
		}
		out[a.name] = o[a.name]
	}
	return out
}

// omit leaves the named attributes out.
func (r *resource) omit(o object, list string) object {
	out := object{}
	for name, value := range o {
		out[name] = value
	}
	for name := range strings.SplitSeq(list, ",") {
		top, sub, _ := strings.Cut(r.own(strings.TrimSpace(name)), ".")
		a := r.attr(top)
		if a == nil || slices.Contains([]string{"id", "schemas"}, a.name) || out[a.name] == nil {
			continue
		}
		if s := attrOf(a.subs, sub); s != nil {
			out[a.name] = parts(out[a.name], func(name string) bool { return name != s.name })
			continue
		}
		delete(out, a.name)
	}
	return out
}

// parts keeps some of an object's parts, or of each object in a list.
func parts(value any, keep func(string) bool) any {
	switch v := value.(type) {
	case object:
		out := object{}
		for name, part := range v {
			if keep(name) {
				out[name] = part
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = parts(one, keep)
		}
		return out
	}
	return value
}

// merge lays the parts of b over those of a, which may be nil.
func merge(a, b any) any {
	switch b := b.(type) {
	case object:
		out := object{}
		if a, ok := a.(object); ok {
			for name, part := range a {
				out[name] = part
			}
		}
		for name, part := range b {
			out[name] = part
		}
		return out
	case []any:
		list, _ := a.([]any)
		out := make([]any, len(b))
		for i := range b {
			if i < len(list) {
				out[i] = merge(list[i], b[i])
			} else {
				out[i] = b[i]
			}
		}
		return out
	}
	return b
}
