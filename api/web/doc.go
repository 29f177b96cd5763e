// Package web is the embedded browser client: page templates, styles and
// native ES modules, served as they were written.
//
// It hides how a page is put together and how an asset gets its address. It
// guards the person in front of the screen: a page has no inline script and no
// inline style, so the content security policy can forbid both; every text
// goes through html/template; a page is rendered whole into memory before its
// first byte is sent, so a fault never leaves half a page with a status of
// 200; and pages are never kept by a cache, because they hold names.
//
// Assets hold nothing of anybody. All of them live below one address that
// carries a hash of the whole tree, so that modules may import each other by
// relative paths and still be immutable.
//
// The package knows nothing of the vault. Handlers (package api) decide what
// a person may see and hand over a View.
package web
