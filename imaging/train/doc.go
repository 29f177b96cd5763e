// Package train learns the cascades that package imaging detects with, and measures them. It hides how a PICO
// cascade is learned (N. Markuš et al., "Object Detection with Pixel Intensity Comparisons Organized in Decision
// Trees", 2013, arXiv:1305.4537): gentle-boosted regression trees on comparisons of two pixels, a soft cascade with
// a threshold after each tree (L. Bourdev and J. Brandt, CVPR 2005), and rounds in which the negatives are mined anew
// from pictures that the cascade learned so far still takes for what it looks for.
//
// A sample is a Patch: the 32 × 32 pixels that pigo would sample in a window of any size, since every code of our
// tests is a multiple of 8. So what is learned and what pigo later evaluates are the same comparisons, bit for bit.
//
// Learning is deterministic: the same data, Config and seed give the same bytes, on any number of cores.
package train
