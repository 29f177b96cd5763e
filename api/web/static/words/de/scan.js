// @ts-check
// German words: scan.

/** @type {Record<string, string>} */
export default {};
