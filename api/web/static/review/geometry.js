// @ts-check
// Boxes on a picture, in upright picture pixels. Pure: no document, no clock.

/** @typedef {{ x0: number, y0: number, x1: number, y1: number }} Box */
/** @typedef {{ w: number, h: number }} Size */
/** @typedef {{ x: number, y: number, w: number, h: number }} View what of the picture is on the screen */
/** @typedef {'nw' | 'ne' | 'sw' | 'se'} Corner */

/** @type {Corner[]} */
export const corners = ['nw', 'ne', 'sw', 'se'];

/** @param {number} v @param {number} low @param {number} high */
const clamp = (v, low, high) => Math.min(Math.max(v, low), high);

/**
 * The least side of a box: small enough for a far face, large enough to grab.
 * @param {Size} size
 */
export function least(size) {
  return Math.min(size.w, size.h, Math.max(8, Math.round(Math.max(size.w, size.h) / 200)));
}

/**
 * Whole pixels, corners in order, inside the picture, not smaller than least.
 * @param {Box} box
 * @param {Size} size
 * @returns {Box}
 */
export function proper(box, size) {
  const min = least(size);
  /** @param {number} a @param {number} b @param {number} limit @returns {[number, number]} */
  const span = (a, b, limit) => {
    const low = clamp(Math.floor(Math.min(a, b)), 0, limit);
    const high = clamp(Math.ceil(Math.max(a, b)), 0, limit);
    if (high - low >= min) return [low, high];
    const start = clamp(low, 0, limit - min);
    return [start, start + min];
  };
  const [x0, x1] = span(box.x0, box.x1, size.w);
  const [y0, y1] = span(box.y0, box.y1, size.h);
  return { x0, y0, x1, y1 };
}

/**
 * Moves without changing the size; the edge of the picture stops it.
 * @param {Box} box @param {number} dx @param {number} dy @param {Size} size
 * @returns {Box}
 */
export function moved(box, dx, dy, size) {
  const x = clamp(Math.round(dx), -box.x0, size.w - box.x1);
  const y = clamp(Math.round(dy), -box.y0, size.h - box.y1);
  return { x0: box.x0 + x, y0: box.y0 + y, x1: box.x1 + x, y1: box.y1 + y };
}

/**
 * Grows or shrinks on both sides of the middle.
 * @param {Box} box @param {number} dw @param {number} dh @param {Size} size
 * @returns {Box}
 */
export function resized(box, dw, dh, size) {
  const min = least(size);
  /** @param {number} a @param {number} b @param {number} d @returns {[number, number]} */
  const span = (a, b, d) => {
    const half = Math.max(d, min - (b - a)) / 2;
    return [a - half, b + half];
  };
  const [x0, x1] = span(box.x0, box.x1, dw);
  const [y0, y1] = span(box.y0, box.y1, dh);
  return proper({ x0, y0, x1, y1 }, size);
}

/**
 * A corner is pulled to a point; the opposite corner stays, and the box may turn inside out.
 * @param {Box} box @param {Corner} corner @param {number} x @param {number} y @param {Size} size
 * @returns {Box}
 */
export function pulled(box, corner, x, y, size) {
  const pull = { ...box };
  if (corner.includes('w')) pull.x0 = x;
  else pull.x1 = x;
  if (corner.includes('n')) pull.y0 = y;
  else pull.y1 = y;
  return proper(pull, size);
}

/**
 * A box for the keyboard to start with: a quarter of what is in view, at its middle.
 * @param {View} view @param {Size} size
 * @returns {Box}
 */
export function centred(view, size) {
  const side = Math.min(view.w, view.h) / 4;
  const x = clamp(view.x + view.w / 2, 0, size.w);
  const y = clamp(view.y + view.h / 2, 0, size.h);
  return proper({ x0: x - side / 2, y0: y - side / 2, x1: x + side / 2, y1: y + side / 2 }, size);
}

/**
 * The smallest box under a point, which is the one a person means where boxes overlap.
 * @template {{ box: Box }} T
 * @param {T[]} list @param {number} x @param {number} y
 * @returns {T | undefined}
 */
export function under(list, x, y) {
  const area = (/** @type {Box} */ b) => (b.x1 - b.x0) * (b.y1 - b.y0);
  return list.filter(({ box: b }) => x >= b.x0 && x <= b.x1 && y >= b.y0 && y <= b.y1).sort((a, b) => area(a.box) - area(b.box))[0];
}

/** @param {Box} a @param {Box} b */
export const same = (a, b) => a.x0 === b.x0 && a.y0 === b.y0 && a.x1 === b.x1 && a.y1 === b.y1;

/** @param {Size} size @returns {View} the whole picture */
export const whole = (size) => ({ x: 0, y: 0, w: size.w, h: size.h });

/**
 * Zooms around a point of the picture, between the whole picture and 40 pixels across.
 * @param {View} view @param {number} factor above 1 comes nearer
 * @param {number} x @param {number} y @param {Size} size
 * @returns {View}
 */
export function zoomed(view, factor, x, y, size) {
  const w = clamp(view.w / factor, Math.min(40, size.w), size.w);
  const scale = w / view.w;
  return inside({ x: x - (x - view.x) * scale, y: y - (y - view.y) * scale, w, h: view.h * scale }, size);
}

/** @param {View} view @param {number} dx @param {number} dy @param {Size} size @returns {View} */
export function panned(view, dx, dy, size) {
  return inside({ ...view, x: view.x + dx, y: view.y + dy }, size);
}

/** @param {View} view @param {Size} size @returns {View} */
function inside(view, size) {
  return {
    ...view,
    x: clamp(view.x, 0, Math.max(0, size.w - view.w)),
    y: clamp(view.y, 0, Math.max(0, size.h - view.h)),
  };
}
