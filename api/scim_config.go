package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/clinivault/clinivault/vault"
)

// scimConfig says what is supported (RFC 7643 section 5).
func (c *call) scimConfig() error {
	able := func(yes bool) object { return object{"supported": yes} }
	return c.answerAs(scimType, http.StatusOK, object{
		"schemas": []string{urnConfig}, "patch": able(true), "etag": able(true), "sort": able(true), "changePassword": able(false),
		"bulk":   object{"supported": false, "maxOperations": 0, "maxPayloadSize": maxScim},
		"filter": object{"supported": true, "maxResults": maxScimPage},
		"authenticationSchemes": []object{{"type": "oauthbearertoken", "name": "Bearer token", "primary": true,
			"description": "A token that an administrator of the vault made for this directory."}},
		"meta": object{"resourceType": "ServiceProviderConfig", "location": c.base() + "/scim/v2/ServiceProviderConfig"},
	})
}

// scimTypes tells the kinds of resources, or one of them.
func (c *call) scimTypes() error {
	return c.tellKinds(chi.URLParam(c.r, "id"), func(r *resource) (string, object) {
		return r.name, object{"schemas": []string{urnType}, "id": r.name, "name": r.name, "description": r.about, "schema": r.urn,
			"endpoint": r.path[len("/scim/v2"):], "meta": object{"resourceType": "ResourceType", "location": c.base() + "/scim/v2/ResourceTypes/" + r.name}}
	})
}

// scimSchemas tells the attributes of the kinds of resources, or of one of them.
func (c *call) scimSchemas() error {
	return c.tellKinds(chi.URLParam(c.r, "urn"), func(r *resource) (string, object) {
		return r.urn, object{"schemas": []string{urnSchema}, "id": r.urn, "name": r.name, "description": r.about,
			"attributes": tellAttributes(r.attrs), "meta": object{"resourceType": "Schema", "location": c.base() + "/scim/v2/Schemas/" + r.urn}}
	})
}

func (c *call) tellKinds(wanted string, tell func(*resource) (string, object)) error {
	var all []object
	for _, r := range []*resource{users, groups} {
		id, told := tell(r)
		if wanted == id {
			return c.answerAs(scimType, http.StatusOK, told)
		}
		all = append(all, told)
	}
	if wanted != "" {
		return vault.ErrNotFound
	}
	if c.r.URL.Query().Get("filter") != "" { // RFC 7644 section 4
		return &scimFaulty{http.StatusForbidden, "", "These lists take no filter."}
	}
	return c.answerAs(scimType, http.StatusOK, object{"schemas": []string{urnList}, "totalResults": len(all), "startIndex": 1,
		"itemsPerPage": len(all), "Resources": all})
}

// tellAttributes is RFC 7643 section 7.
func tellAttributes(attrs []attribute) []object {
	out := make([]object, len(attrs))
	for i, a := range attrs {
		o := object{"name": a.name, "type": a.typ, "multiValued": a.multi, "required": a.required, "caseExact": a.exact,
			"mutability": "readWrite", "returned": "default", "uniqueness": "none", "description": a.about}
		if a.readOnly {
			o["mutability"] = "readOnly"
		}
		if a.unique {
			o["uniqueness"] = "server"
		}
		if a.typ == typeReference {
			o["referenceTypes"] = []string{"User", "Group"}
		}
		if len(a.subs) > 0 {
			o["subAttributes"] = tellAttributes(a.subs)
		}
		out[i] = o
	}
	return out
}
