// @ts-check
// Draws picture and boxes into one SVG whose coordinates are picture pixels,
// and turns pointers (mouse, pen, fingers) into acts. Zooming is the viewBox.

import { corners, moved, panned, proper, pulled, under, whole, zoomed } from './geometry.js';
import { about, kindLetters, kindNames, tooltip } from './boxes.js';

/** @typedef {import('./geometry.js').Box} Box */
/** @typedef {import('./geometry.js').Size} Size */
/** @typedef {import('./boxes.js').State} State */
/** @typedef {import('./boxes.js').Region} Region */
/**
 * @typedef {object} Acts
 * @property {(key: string) => void} select
 * @property {(key: string, box: Box) => void} place
 * @property {(box: Box) => void} draw
 */

const space = 'http://www.w3.org/2000/svg';

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElementTagNameMap[K]}
 */
function make(name, attributes) {
  const node = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

export class Overlay {
  /**
   * @param {SVGSVGElement} svg
   * @param {Acts} acts
   */
  constructor(svg, acts) {
    this.svg = svg;
    this.acts = acts;
    /** @type {Size} */
    this.size = { w: 1, h: 1 };
    this.view = whole(this.size);
    this.picture = make('image', { x: 0, y: 0, preserveAspectRatio: 'none' });
    this.boxes = make('g', { class: 'boxes' });
    this.letters = make('g', { class: 'letters', 'aria-hidden': 'true' });
    this.rubber = make('rect', { class: 'rubber', visibility: 'hidden' });
    this.seen = make('g', { class: 'seen' });
    svg.replaceChildren(this.picture, this.seen, this.boxes, this.letters, this.rubber);
    /** @type {Map<number, { x: number, y: number }>} pointers that are down, in screen pixels */
    this.down = new Map();
    /** @type {null | { kind: 'draw' | 'move' | 'corner' | 'pan', key: string, corner: any, from: { x: number, y: number }, box: Box, last: Box }} */
    this.drag = null;
    /** @type {Region[]} */
    this.regions = [];
    this.selected = '';
    svg.addEventListener('pointerdown', (e) => this.press(e));
    svg.addEventListener('pointermove', (e) => this.pull(e));
    svg.addEventListener('pointerup', (e) => this.release(e, true));
    svg.addEventListener('pointercancel', (e) => this.release(e, false));
    svg.addEventListener('wheel', (e) => this.wheel(e), { passive: false });
  }

  /** @param {Size} size @param {string} url */
  open(size, url) {
    this.size = size;
    this.picture.setAttribute('width', String(size.w));
    this.picture.setAttribute('height', String(size.h));
    this.source(url);
    this.look(whole(size));
  }

  /** Takes the picture away at once. */
  close() {
    this.picture.removeAttribute('href');
    this.boxes.replaceChildren();
    this.letters.replaceChildren();
    this.warn([]);
    this.down.clear();
    this.drag = null;
  }

  /** Marks what the server still sees on the covered picture. @param {Box[]} boxes */
  warn(boxes) {
    this.seen.replaceChildren(...boxes.map((b) => make('rect', { x: b.x0, y: b.y0, width: b.x1 - b.x0, height: b.y1 - b.y0 })));
  }

  /** @param {string} url */
  source(url) {
    this.picture.setAttribute('href', url);
  }

  /** @param {import('./geometry.js').View} view */
  look(view) {
    this.view = view;
    this.svg.setAttribute('viewBox', `${view.x} ${view.y} ${view.w} ${view.h}`);
    this.handles();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.look(zoomed(this.view, factor, this.view.x + this.view.w / 2, this.view.y + this.view.h / 2, this.size));
  }

  /** How many picture pixels one screen pixel is. */
  scale() {
    const matrix = this.svg.getScreenCTM();
    return matrix && matrix.a > 0 ? 1 / matrix.a : 1;
  }

  /** @param {State} state */
  draw(state) {
    this.regions = state.regions;
    this.selected = state.selected;
    const focus = document.activeElement instanceof SVGElement ? document.activeElement.dataset.key : undefined;
    this.boxes.replaceChildren(...state.regions.map((r, i) => this.group(r, i, r.key === state.selected)));
    const top = [...this.boxes.children].find((g) => g.classList.contains('selected'));
    if (top) this.boxes.append(top); // its handles lie over the others
    this.handles();
    if (focus) this.focus(state.regions.some((r) => r.key === focus) ? focus : state.selected);
  }

  /** @param {string} key */
  focus(key) {
    const node = [...this.boxes.children].find((g) => g instanceof SVGElement && g.dataset.key === key);
    if (node instanceof SVGElement) node.focus({ preventScroll: true });
    else this.svg.focus({ preventScroll: true });
  }

  /** @param {Region} r @param {number} index @param {boolean} selected */
  group(r, index, selected) {
    const group = make('g', {
      class: ['box-group', selected ? 'selected' : '', r.faint ? 'faint' : ''].join(' ').trim(), tabindex: 0, role: 'button',
      'aria-pressed': String(selected), 'aria-label': `${kindNames[r.kind]} ${index + 1}, ${r.faint ? 'faint, ' : ''}${about(r)}`,
    });
    group.dataset.key = r.key;
    const at = { x: r.box.x0, y: r.box.y0, width: r.box.x1 - r.box.x0, height: r.box.y1 - r.box.y0 };
    const told = make('title', {});
    told.textContent = tooltip(r);
    group.append(told, make('rect', { ...at, class: 'box-under' }), make('rect', { ...at, class: `box kind-${r.kind}` }));
    group.addEventListener('focus', () => {
      if (this.selected !== r.key) this.acts.select(r.key);
    });
    return group;
  }

  /** Corner handles of the selected box, the same size on every screen; fingers get a wider ring. */
  handles() {
    for (const old of this.boxes.querySelectorAll('.handle, .handle-hit')) old.remove();
    this.tags();
    const region = this.regions.find((r) => r.key === this.selected);
    const group = [...this.boxes.children].find((g) => g instanceof SVGElement && g.dataset.key === this.selected);
    if (!region || !group) return;
    const scale = this.scale();
    for (const corner of corners) {
      const at = { cx: corner.includes('w') ? region.box.x0 : region.box.x1, cy: corner.includes('n') ? region.box.y0 : region.box.y1 };
      const seen = make('circle', { ...at, r: 7 * scale, class: `handle handle-${corner}` });
      const hit = make('circle', { ...at, r: 20 * scale, class: `handle-hit handle-${corner}` });
      seen.dataset.corner = corner;
      hit.dataset.corner = corner;
      group.append(seen, hit);
    }
  }

  /** The letter of each box, the same size on every screen, inside its upper left corner. */
  tags() {
    const scale = this.scale();
    this.letters.replaceChildren(...this.regions.map((r) => {
      const tag = make('text', {
        x: r.box.x0 + 6 * scale, y: r.box.y0 + 17 * scale, 'font-size': 14 * scale, 'stroke-width': 4 * scale, class: `tag kind-${r.kind}`,
      });
      tag.textContent = r.faint ? `${kindLetters[r.kind]}?` : kindLetters[r.kind];
      return tag;
    }));
  }

  /** @param {{ clientX: number, clientY: number }} e @returns {{ x: number, y: number }} in picture pixels */
  point(e) {
    const matrix = this.svg.getScreenCTM();
    if (!matrix) return { x: 0, y: 0 };
    const p = new DOMPoint(e.clientX, e.clientY).matrixTransform(matrix.inverse());
    return { x: p.x, y: p.y };
  }

  /** @param {PointerEvent} e */
  press(e) {
    if (e.button !== 0 && e.button !== 1) return;
    this.svg.setPointerCapture(e.pointerId);
    this.down.set(e.pointerId, { x: e.clientX, y: e.clientY });
    if (this.down.size > 1) {
      this.rubber.setAttribute('visibility', 'hidden');
      this.drag = null;
      return;
    }
    const target = /** @type {SVGElement} */ (e.target);
    const from = this.point(e);
    const holder = target.closest('.box-group');
    const key = holder instanceof SVGElement ? holder.dataset.key ?? '' : '';
    // Only the selected box is moved: elsewhere, inside another box too, a drag draws.
    const region = e.shiftKey || key !== this.selected ? undefined : this.regions.find((r) => r.key === key);
    const none = { x0: from.x, y0: from.y, x1: from.x, y1: from.y };
    if (e.button === 1) this.drag = { kind: 'pan', key: '', corner: '', from, box: none, last: none };
    else if (region) {
      const corner = target.dataset.corner ?? '';
      this.drag = { kind: corner ? 'corner' : 'move', key, corner, from, box: region.box, last: region.box };
    } else {
      this.drag = { kind: 'draw', key: '', corner: '', from, box: none, last: none };
      this.svg.focus({ preventScroll: true });
    }
    e.preventDefault();
  }

  /** @param {PointerEvent} e */
  pull(e) {
    const before = this.down.get(e.pointerId);
    if (!before) return;
    if (this.down.size === 2) this.pinch(e);
    this.down.set(e.pointerId, { x: e.clientX, y: e.clientY });
    const drag = this.drag;
    if (!drag || this.down.size > 1) return;
    const at = this.point(e);
    if (drag.kind === 'pan') {
      this.look(panned(this.view, drag.from.x - at.x, drag.from.y - at.y, this.size));
      return;
    }
    if (drag.kind === 'draw') drag.last = proper({ x0: drag.from.x, y0: drag.from.y, x1: at.x, y1: at.y }, this.size);
    else if (drag.kind === 'corner') drag.last = pulled(drag.box, drag.corner, at.x, at.y, this.size);
    else drag.last = moved(drag.box, at.x - drag.from.x, at.y - drag.from.y, this.size);
    this.stretch(drag.last);
  }

  /** Shows where the box would be. @param {Box} box */
  stretch(box) {
    const at = { x: box.x0, y: box.y0, width: box.x1 - box.x0, height: box.y1 - box.y0, visibility: 'visible' };
    for (const [name, value] of Object.entries(at)) this.rubber.setAttribute(name, String(value));
  }

  /** Two fingers: nearer, farther and along. @param {PointerEvent} e */
  pinch(e) {
    const other = [...this.down.entries()].find(([id]) => id !== e.pointerId)?.[1];
    const mine = this.down.get(e.pointerId);
    if (!other || !mine) return;
    const was = Math.hypot(mine.x - other.x, mine.y - other.y);
    const is = Math.hypot(e.clientX - other.x, e.clientY - other.y);
    const before = this.point({ clientX: (mine.x + other.x) / 2, clientY: (mine.y + other.y) / 2 });
    const after = this.point({ clientX: (e.clientX + other.x) / 2, clientY: (e.clientY + other.y) / 2 });
    let view = panned(this.view, before.x - after.x, before.y - after.y, this.size);
    if (was > 10 && is > 10) view = zoomed(view, is / was, before.x, before.y, this.size);
    this.look(view);
  }

  /** @param {PointerEvent} e @param {boolean} keep */
  release(e, keep) {
    if (!this.down.delete(e.pointerId)) return;
    const drag = this.drag;
    this.drag = null;
    this.rubber.setAttribute('visibility', 'hidden');
    if (!drag || !keep || drag.kind === 'pan') return;
    const at = this.point(e);
    const far = Math.hypot(at.x - drag.from.x, at.y - drag.from.y) > 6 * this.scale();
    if (!far) {
      this.acts.select(under(this.regions, at.x, at.y)?.key ?? '');
      return;
    }
    if (drag.kind === 'draw') this.acts.draw(drag.last);
    else this.acts.place(drag.key, drag.last);
  }

  /** @param {WheelEvent} e */
  wheel(e) {
    e.preventDefault();
    const at = this.point(e);
    this.look(zoomed(this.view, Math.exp(-e.deltaY / 400), at.x, at.y, this.size));
  }
}
