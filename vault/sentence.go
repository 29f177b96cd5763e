package vault

// said is a refusal with a plain sentence for the person who asked. The sentence holds no name, number or input.
type said struct {
	kind error
	text string
}

// say gives kind a sentence of its own; errors.Is finds kind.
func say(kind error, text string) error { return &said{kind, text} }

func (s *said) Error() string { return s.kind.Error() + ": " + s.text }
func (s *said) Unwrap() error { return s.kind }

// Sentence is what may be shown to the person.
func (s *said) Sentence() string { return s.text }
