// @ts-check
import { wireActs } from '../lib/form.js';

wireActs();
