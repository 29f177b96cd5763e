// @ts-check
// The German catalogue, from those of its parts.

import checks from './de/checks.js';
import chunks from './de/chunks.js';
import flow from './de/flow.js';
import scan from './de/scan.js';
import shell from './de/shell.js';

/** @type {Record<string, string>} */
export default { ...shell, ...flow, ...checks, ...scan, ...chunks };
