package web

import (
	"bytes"
	"path"
	"strings"
)

// squeezed is a module or a style of ours as it goes over the air: as it was written, but for comments on lines of their own
// or at the end of one, and the blanks at the start of lines, a third of its bytes on a ward's network. Nothing else within
// a line is touched, and a module with a template that runs over lines is left whole, since blanks count in it. Everything
// else is sent as it is.
func squeezed(name string, body []byte) []byte {
	if ext := path.Ext(name); ext != ".js" && ext != ".css" || strings.HasPrefix(name, "wasm/") {
		return body
	}
	var out bytes.Buffer
	comment := false
	for line := range bytes.Lines(body) {
		text := bytes.TrimLeft(line, " \t")
		switch {
		case comment:
			comment = !bytes.HasSuffix(bytes.TrimRight(text, " \t\n"), []byte("*/"))
		case bytes.HasPrefix(text, []byte("/*")):
			_, rest, ended := bytes.Cut(text, []byte("*/"))
			if ended && len(bytes.TrimSpace(rest)) > 0 {
				out.Write(text) // code follows on the line
			}
			comment = !ended
		case bytes.HasPrefix(text, []byte("//")), len(bytes.TrimSpace(text)) == 0:
		case bytes.Count(text, []byte("`"))%2 == 1:
			return body
		default:
			out.Write(unremarked(text))
		}
	}
	return out.Bytes()
}

// unremarked is a line without the comment at its end. What may be text or a regular expression instead, since a quote or
// a slash follows, stays.
func unremarked(line []byte) []byte {
	code, remark, found := bytes.Cut(line, []byte(" // "))
	if !found || !bytes.ContainsAny(code[max(0, len(code)-1):], ";,{}") || bytes.ContainsAny(remark, "'\"`/") {
		return line
	}
	return append(code[:len(code):len(code)], '\n')
}
