// @ts-check
// German words: checks.

/** @type {Record<string, string>} */
export default {};
