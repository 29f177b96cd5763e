// @ts-check
// German words: flow.

/** @type {Record<string, string>} */
export default {};
