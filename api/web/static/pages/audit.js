// @ts-check
import { call } from '../lib/api.js';
import { busy, need, sentence, show } from '../lib/dom.js';
import { wireSearch } from '../lib/patientlist.js';
import { verifyWords } from '../lib/verify.js';

wireSearch();

const peopleOnly = document.getElementById('people-only');
if (peopleOnly instanceof HTMLInputElement) {
  const hide = () => document.querySelector('.trail')?.classList.toggle('people-only', peopleOnly.checked);
  peopleOnly.addEventListener('change', hide);
  hide(); // a browser may bring the tick back with the page
}

const verify = need('verify', HTMLButtonElement);
verify.addEventListener('click', () => {
  const out = need('verify-result', HTMLElement);
  out.className = 'note';
  out.textContent = 'Verifying every entry …';
  show(out, true);
  return busy(verify, null, async () => {
    try {
      const words = verifyWords(await call('POST', verify.dataset.verify ?? ''));
      out.className = words.good ? 'note good' : 'note bad';
      out.replaceChildren(...words.lines.map((line) => {
        const p = document.createElement('p');
        p.textContent = line;
        return p;
      }));
    } catch (err) {
      out.className = 'note bad';
      out.textContent = sentence(err);
    }
  });
});
