// @ts-check
// German words: chunks.

/** @type {Record<string, string>} */
export default {};
