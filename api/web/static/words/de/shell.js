// @ts-check
// German words: shell.

/** @type {Record<string, string>} */
export default {};
