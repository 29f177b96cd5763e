package imaging

import "os"

// drilled reports whether slow tests look at all pictures.
func drilled() bool { return os.Getenv("CLINIVAULT_DRILL") != "" }
