// @ts-check
// One photo: uncovering it, with a reason, for as long as the page is looked at.

import { picture } from '../lib/api.js';
import { busy, need, say, show } from '../lib/dom.js';
import { askReason } from '../lib/reason.js';

const card = document.getElementById('reveal');
const shown = document.getElementById('picture');
if (card && shown instanceof HTMLImageElement) wire(card, shown);

/** @param {HTMLElement} root @param {HTMLImageElement} img */
function wire(root, img) {
  const covered = img.src;
  const words = img.alt;
  const uncover = need('reveal-button', HTMLButtonElement);
  const cover = need('cover-button', HTMLButtonElement);
  let url = '';
  const back = () => {
    if (!url) return;
    img.src = covered;
    img.alt = words;
    URL.revokeObjectURL(url);
    url = '';
    show(uncover, true);
    show(cover, false);
  };
  uncover.addEventListener('click', () => busy(uncover, need('reveal-error', HTMLElement), async () => {
    const reason = await askReason({
      title: 'Why do you need to see it uncovered?',
      text: 'For example: “comparing the scar before surgery”. The reason is kept in the log.',
      ok: 'Uncover',
    });
    if (!reason) return;
    url = await picture(root.dataset.reveal ?? '', { method: 'POST', body: { reason } });
    img.src = url;
    img.alt = 'The photo as it was taken, uncovered';
    show(uncover, false);
    show(cover, true);
    cover.focus();
    say('The photo is uncovered.');
  }));
  cover.addEventListener('click', () => {
    back();
    uncover.focus();
    say('The photo is covered again.');
  });
  document.addEventListener('visibilitychange', () => document.hidden && back());
  window.addEventListener('pagehide', back);
}
