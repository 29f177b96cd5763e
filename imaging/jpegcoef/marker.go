package jpegcoef

// Marker codes, T.81 table B.1: the byte after 0xFF.
const (
	markerTEM   = 0x01
	markerSOF0  = 0xC0 // baseline DCT
	markerSOF1  = 0xC1 // extended sequential DCT, Huffman
	markerSOF2  = 0xC2 // progressive DCT, Huffman
	markerDHT   = 0xC4
	markerDAC   = 0xCC
	markerSOF15 = 0xCF
	markerRST0  = 0xD0
	markerRST7  = 0xD7
	markerSOI   = 0xD8
	markerEOI   = 0xD9
	markerSOS   = 0xDA
	markerDQT   = 0xDB
	markerDNL   = 0xDC
	markerDRI   = 0xDD
	markerDHP   = 0xDE
	markerEXP   = 0xDF
	markerAPP0  = 0xE0
	markerAPP14 = 0xEE
	markerAPP15 = 0xEF
	markerCOM   = 0xFE
)

// refused names the markers of T.81 whose coding is not accepted.
var refused = map[byte]string{
	0xC3:      "lossless coding (SOF3)",
	0xC5:      "hierarchical coding (SOF5)",
	0xC6:      "hierarchical coding (SOF6)",
	0xC7:      "hierarchical lossless coding (SOF7)",
	0xC8:      "JPEG extensions (JPG)",
	0xC9:      "arithmetic coding (SOF9)",
	0xCA:      "arithmetic coding (SOF10)",
	0xCB:      "arithmetic lossless coding (SOF11)",
	markerDAC: "arithmetic coding (DAC)",
	0xCD:      "hierarchical arithmetic coding (SOF13)",
	0xCE:      "hierarchical arithmetic coding (SOF14)",
	0xCF:      "hierarchical arithmetic lossless coding (SOF15)",
	markerDNL: "height given after the scan (DNL)",
	markerDHP: "hierarchical coding (DHP)",
	markerEXP: "hierarchical coding (EXP)",
}

const (
	// blockSize is the number of coefficients of a block, A.3.3.
	blockSize = 64
	// maxSampling is the largest sampling factor, B.2.2.
	maxSampling = 4
	// maxMCUBlocks is the largest number of blocks in an MCU of an interleaved
	// scan, B.2.3.
	maxMCUBlocks = 10
	// minDC and maxDC bound a quantised DC coefficient of 8-bit samples; two of
	// them differ by at most 11 bits, table F.1.
	minDC = -1024
	maxDC = 1023
	// maxACBits is the largest category of an AC coefficient, table F.2.
	maxACBits = 10
	// maxDCBits is the largest category of a DC difference, table F.1.
	maxDCBits = 11
)

// natural maps a place in zig-zag order to its place in row order, figure A.6.
// Coefficients are kept in zig-zag order: that is how scans have them.
var natural = [blockSize]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
}
