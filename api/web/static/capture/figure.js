// @ts-check
// A simple figure of the body, to find a site by where it is. It shows areas alone: nothing on it tells whether or where
// a photo was taken before; earlier sites come as a list elsewhere.

import { t } from '../lib/words.js';

const svg = 'http://www.w3.org/2000/svg';

/** @typedef {'front' | 'back'} View */
/** @typedef {{ key: string, name: string, side: '' | 'left' | 'right', sites: string[], shape: string }} Zone name: in the reader's words; side: the patient's own */

const arm = ['shoulder', 'axilla', 'upper-arm', 'elbow'];
const hand = ['forearm', 'wrist', 'hand', 'finger'];
const leg = ['hip', 'thigh', 'knee'];
const foot = ['lower-leg', 'ankle', 'heel', 'foot', 'toe'];

/** A shape mirrored at the middle of the figure (x = 100). @param {string} shape of absolute M, L, Q and Z alone */
function mirrored(shape) {
  let at = 0;
  return shape.replace(/-?\d+(\.\d+)?/g, (n) => (at++ % 2 === 0 ? String(200 - Number(n)) : n));
}

// Drawn for the side that is on the left of the picture: the patient's right from the front.
const shapes = {
  head: 'M100 4 Q126 6 124 30 Q120 54 100 58 Q80 54 76 30 Q74 6 100 4 Z',
  neck: 'M84 60 L116 60 L116 84 L132 92 L68 92 L84 84 Z',
  chest: 'M68 94 L132 94 L134 150 L66 150 Z',
  abdomen: 'M66 153 L134 153 L132 205 L68 205 Z',
  pelvis: 'M68 208 L132 208 L136 240 L104 252 L96 252 L64 240 Z',
  arm: 'M64 91 Q46 92 42 112 L34 164 L54 168 L64 126 Z',
  hand: 'M33 168 L53 172 L46 222 L48 248 L36 262 L22 256 L20 234 Z',
  leg: 'M63 244 L97 256 L96 330 L68 330 Z',
  foot: 'M68 334 L95 334 L92 404 L96 428 L62 428 L70 404 Z',
};

/** @param {string} name @param {string[]} sites @param {keyof typeof shapes} shape @param {View} view @returns {Zone[]} */
function pair(name, sites, shape, view) {
  const [here, there] = view === 'front' ? /** @type {const} */ (['right', 'left']) : /** @type {const} */ (['left', 'right']);
  return [
    { key: shape, name, sites, side: here, shape: shapes[shape] },
    { key: shape, name, sites, side: there, shape: mirrored(shapes[shape]) },
  ];
}

/**
 * The areas of a view, from head to foot.
 * @param {View} view
 * @returns {Zone[]}
 */
export function zones(view) {
  const front = view === 'front';
  /** @param {string} name @param {string[]} sites @param {keyof typeof shapes} shape @returns {Zone} */
  const one = (name, sites, shape) => ({ key: shape, name, side: '', sites, shape: shapes[shape] });
  return [
    one(t('Head'), front ? ['scalp', 'forehead', 'face', 'eye', 'ear', 'nose', 'cheek', 'lip', 'mouth', 'chin'] : ['scalp', 'ear'], 'head'),
    one(t('Neck'), ['neck'], 'neck'),
    one(front ? t('Chest') : t('Back'), front ? ['chest', 'breast', 'axilla'] : ['back', 'shoulder'], 'chest'),
    ...pair(t('Upper arm'), front ? arm : arm.filter((s) => s !== 'axilla'), 'arm', view),
    ...pair(t('Forearm and hand'), hand, 'hand', view),
    one(front ? t('Abdomen') : t('Lower back'), front ? ['abdomen'] : ['back', 'sacrum'], 'abdomen'),
    one(front ? t('Groin and hips') : t('Buttocks and sacrum'), front ? ['groin', 'genitalia', 'hip'] : ['sacrum', 'buttock', 'hip'], 'pelvis'),
    ...pair(t('Thigh and knee'), leg, 'leg', view),
    ...pair(t('Lower leg and foot'), foot, 'foot', view),
  ];
}

/**
 * The figure, one area a button; Tab reaches one of them, arrows go on to the others.
 * @param {View} view
 * @param {(zone: Zone) => string} nameOf in the reader's words
 * @param {(zone: Zone) => void} chosen
 * @returns {SVGSVGElement}
 */
export function figure(view, nameOf, chosen) {
  const root = document.createElementNS(svg, 'svg');
  root.setAttribute('viewBox', '10 0 180 436');
  const areas = zones(view).map((zone, i) => {
    const path = document.createElementNS(svg, 'path');
    path.setAttribute('d', zone.shape);
    path.setAttribute('role', 'button');
    path.setAttribute('aria-label', nameOf(zone));
    path.setAttribute('tabindex', i === 0 ? '0' : '-1');
    path.dataset.zone = zone.key;
    path.dataset.side = zone.side;
    path.addEventListener('click', () => chosen(zone));
    return path;
  });
  const sides = view === 'front' ? ['R', 'L'] : ['L', 'R']; // of the patient; the same letters in both languages
  const letters = sides.map((side, i) => {
    const letter = document.createElementNS(svg, 'text');
    letter.setAttribute('x', i === 0 ? '32' : '168');
    letter.setAttribute('y', '286');
    letter.setAttribute('text-anchor', 'middle');
    letter.setAttribute('aria-hidden', 'true'); // each area says its side
    letter.textContent = side;
    return letter;
  });
  root.append(...areas, ...letters);
  root.addEventListener('keydown', (event) => {
    const at = areas.indexOf(/** @type {SVGPathElement} */ (event.target));
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (at < 0) return;
    if (event.key === 'Enter' || event.key === ' ') chosen(zones(view)[at]);
    else if (step) {
      const next = areas[(at + step + areas.length) % areas.length];
      areas[at].setAttribute('tabindex', '-1');
      next.setAttribute('tabindex', '0');
      next.focus();
    } else return;
    event.preventDefault();
  });
  return root;
}
