// @ts-check
// Pages on which people ask for acts and sign them: what each act is stands in the page itself.

import { wireActs } from '../lib/form.js';
import { wireSearch } from '../lib/patientlist.js';

wireActs();
wireSearch();

// What goes on by itself is looked at again after a while.
const moving = document.querySelector('[data-again]');
if (moving instanceof HTMLElement) {
  const again = () => {
    if (document.hidden) setTimeout(again, 5000);
    else location.reload();
  };
  setTimeout(again, Number(moving.dataset.again) || 5000);
}
