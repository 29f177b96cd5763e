// Package api is Clinivault's door: JSON for programs, pages for people, numbers for operators.
//
// It guards the vault from strangers, from foreign web pages that use a visitor's session, from guessers of
// passwords, and from requests made to exhaust it; and it guards people from what errors, logs and addresses could
// give away. Who may do what is not decided here: vault decides, at every call.
//
// Every request goes the same way: an ID of ours, a line in the log, security headers, our host name, our own
// origin; then its route, which is closed unless the table says public: the session is looked up, lengths are
// checked before a byte is read, JSON is taken strictly, one method of vault is asked, and its answer or its error
// (one table) goes back. The table of routes is also the API document, so that the two cannot differ.
package api
