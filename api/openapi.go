package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// document is the OpenAPI 3.1 description of routes; the table is its only source, so it cannot drift.
func document(table []route) object {
	sh := &shapes{schemas: object{}}
	sh.of(reflect.TypeFor[Problem]())
	paths := map[string]object{}
	for _, rt := range table {
		if paths[rt.path] == nil {
			paths[rt.path] = object{}
		}
		paths[rt.path][strings.ToLower(rt.method)] = operation(rt, sh)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title":       "Clinivault",
			"version":     "1",
			"summary":     "Clinical photos: sealed at the camera, reviewed by people, attached to the chart.",
			"description": "Refusals are problem JSON (RFC 9457). Every answer carries X-Request-Id.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":  []object{{"url": "/"}},
		"security": []object{{"cookie": []string{}}, {"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas": sh.schemas,
			"securitySchemes": object{
				"cookie": object{"type": "apiKey", "in": "cookie", "name": cookieName},
				"bearer": object{"type": "http", "scheme": "bearer"},
			},
			"responses": object{"Problem": object{
				"description": "Refused; the detail is a plain sentence.",
				"content":     object{"application/problem+json": object{"schema": ref("Problem")}},
			}},
		},
	}
}

func operation(rt route, sh *shapes) object {
	op := object{
		"operationId": operationID(rt),
		"summary":     rt.summary,
		"responses":   responses(rt, sh),
	}
	if params := parameters(rt); len(params) > 0 {
		op["parameters"] = params
	}
	if body := requestBody(rt, sh); body != nil {
		op["requestBody"] = body
	}
	switch {
	case rt.public:
		op["security"] = []object{}
	case rt.scim:
		op["description"] = "For a directory, with its own bearer token."
		op["security"] = []object{{"bearer": []string{}}}
	case len(rt.roles) > 0:
		op["description"] = "For: " + strings.Join(roleNames(rt), ", ") + "."
	default:
		op["description"] = "For everybody who is signed in."
	}
	return op
}

func roleNames(rt route) []string {
	var names []string
	for _, r := range rt.roles {
		names = append(names, string(r))
	}
	return names
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

func parameters(rt route) []object {
	var out []object
	for _, m := range pathParam.FindAllStringSubmatch(rt.path, -1) {
		out = append(out, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string", "maxLength": maxID}})
	}
	for _, p := range rt.params {
		out = append(out, object{
			"name": p.name, "in": p.in, "required": p.required, "description": p.about, "schema": object{"type": "string"},
		})
	}
	return out
}

func requestBody(rt route, sh *shapes) object {
	switch {
	case rt.in != nil:
		return object{"required": true, "content": object{"application/json": object{"schema": sh.of(reflect.TypeOf(rt.in))}}}
	case rt.inType != "":
		return object{"required": true, "content": object{rt.inType: object{}}}
	}
	return nil
}

func responses(rt route, sh *shapes) object {
	ok := object{"description": "Done."}
	switch {
	case rt.out != nil:
		ok["content"] = object{"application/json": object{"schema": sh.of(reflect.TypeOf(rt.out))}}
	case rt.outType != "":
		ok["content"] = object{rt.outType: object{}}
	}
	out := object{"default": object{"$ref": "#/components/responses/Problem"}}
	status := rt.status
	if status == 0 {
		status = http.StatusOK
	}
	out[strconv.Itoa(status)] = ok
	if rt.also != 0 {
		out[strconv.Itoa(rt.also)] = ok
	}
	return out
}

// operationID is method and path as one word: postPhotosIdApprove.
func operationID(rt route) string {
	id := strings.ToLower(rt.method)
	for part := range strings.FieldsFuncSeq(strings.TrimPrefix(rt.path, "/api/v1"), func(r rune) bool {
		return strings.ContainsRune("/{}.-_", r)
	}) {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	return id
}

func (c *call) openAPI() error {
	c.w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	c.write(c.s.openapi)
	return nil
}

func mustDocument(table []route) []byte {
	b, err := json.MarshalIndent(document(table), "", " ")
	if err != nil {
		panic("api: the route table has a shape that is not JSON: " + err.Error())
	}
	return append(b, '\n')
}
