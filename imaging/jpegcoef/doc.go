// Package jpegcoef hides how a JPEG keeps its coefficients.
//
// A photo must lose every foreign byte and still lose nothing of its picture.
// Decoding and encoding again would blur it; deleting known tags leaves what
// nobody knew of. So this package reads the quantised DCT coefficients of a
// JPEG and forgets everything else: application segments, comments, table
// quirks, restart markers, bits that pad a byte, blocks that pad an edge, and
// whatever follows the end. Write then makes a new file from the coefficients
// alone. The pixels are exactly those of the source, for every decoder.
//
// The bytes come from strangers. Read therefore works in this order: the file
// is bounded; markers are walked (T.81 annex B) and everything that is not
// Huffman-coded 8-bit DCT with one or three components is refused by name; the
// frame is bounded; before memory is taken for a component, enough bytes must
// be left to hold its blocks at all; then scans are decoded (annexes F and G)
// against a bound on their number and on their number times the pixels. Nothing
// is repaired: a file that is cut or damaged inside a scan is an error.
//
// In between, coefficients can be turned (where that is exact), masked (whole
// MCUs made constant, so that nothing of what was there remains), compared, and
// decoded to pixels at full, half, quarter or eighth size.
//
// The clauses named in comments are those of ITU-T T.81 (ISO/IEC 10918-1).
package jpegcoef
