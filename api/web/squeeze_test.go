package web

import "testing"

func TestSqueezed(t *testing.T) {
	for _, c := range []struct{ name, file, in, want string }{
		{"comments of a line", "a.js", "// @ts-check\n\nlet a = 1;\n  // more\nlet b;\n", "let a = 1;\nlet b;\n"},
		{"a comment at the end of a line", "a.js", "let a = 1; // why\nf({ // these\n  b, // first\n});", "let a = 1;\nf({\nb,\n});"},
		{"a comment that ends the file", "a.js", "let a; // why", "let a;\n"},
		{"what looks like one at the end of a text", "a.js", "f('a; // b');\nf(\"a; // b\");\nf(`a; // b`);\n", "f('a; // b');\nf(\"a; // b\");\nf(`a; // b`);\n"},
		{"what looks like one within an expression", "a.js", "f(/[;] [; // ]/);\na\n // b\n/ 2;", "f(/[;] [; // ]/);\na\n/ 2;"},
		{"a comment after what ends nothing", "a.js", "f() // why\n", "f() // why\n"},
		{"comments of several lines", "a.js", "/**\n * @param x\n */\nf();\n", "f();\n"},
		{"a comment of one line", "a.js", "  /** @type {number} */\n  let a;\n", "let a;\n"},
		{"code after a comment", "a.js", "/** @type {number} */ let a;\n", "/** @type {number} */ let a;\n"},
		{"a comment within a line", "a.js", "f(/* a */ 1);\n", "f(/* a */ 1);\n"},
		{"what looks like one within a text", "a.js", "const a = 'x // y';\nconst b = '/*';\n", "const a = 'x // y';\nconst b = '/*';\n"},
		{"a template of one line", "a.js", "  f(`a  b`);\n", "f(`a  b`);\n"},
		{"a template of several lines", "a.js", "// c\nf(`a\n  b`);\n", "// c\nf(`a\n  b`);\n"},
		{"no end of line", "a.js", "  f()", "f()"},
		{"a module of somebody else", "wasm/x.js", "// c\nf();\n", "// c\nf();\n"},
		{"a style", "a.css", "/* c */\n  a {}\n", "a {}\n"},
		{"a picture", "a.svg", "  <svg/>\n", "  <svg/>\n"},
		{"nothing", "a.js", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(squeezed(c.file, []byte(c.in))); got != c.want {
				t.Errorf("%q: got %q, want %q", c.in, got, c.want)
			}
		})
	}
}
