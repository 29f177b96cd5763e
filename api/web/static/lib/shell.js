// @ts-check
// What every page does: times in the reader's own zone, and focus on errors.

import { localTimes } from './time.js';

localTimes(document);
