// @ts-check
// What lies over the live picture, and what fingers do on it: boxes of warnings, a level, a tap to focus, a pinch to zoom.

const svg = 'http://www.w3.org/2000/svg';

/** @typedef {{ x0: number, y0: number, x1: number, y1: number }} Box in parts of the picture's size */

/** From this tilt on the level says that the device is not level, in degrees. */
const levelWithin = 2;

/** A finger that moves further than this did not tap, in CSS pixels. */
const tapMoves = 10;

/**
 * Where a point lies on the picture. Pure.
 * @param {{ left: number, top: number, width: number, height: number }} rect of the picture on the screen
 * @param {number} x @param {number} y on the screen
 * @returns {{ x: number, y: number } | null} in parts of its size; null beside it
 */
export function pointOn(rect, x, y) {
  const at = { x: (x - rect.left) / rect.width, y: (y - rect.top) / rect.height };
  return at.x >= 0 && at.x <= 1 && at.y >= 0 && at.y <= 1 ? at : null;
}

/**
 * How far the device is from level: by its roll when it is held up, by both tilts when it looks down. Pure.
 * @param {number} beta front to back, in degrees (W3C Device Orientation, 4.1) @param {number} gamma left to right
 * @param {number} turned how the screen is turned: 0, 90, 180 or 270
 * @returns {{ angle: number, level: boolean, down: boolean }} angle of the horizon on the screen, in degrees
 */
export function tiltOf(beta, gamma, turned) {
  const b = (beta * Math.PI) / 180;
  const g = (gamma * Math.PI) / 180;
  const [gx, gy, gz] = [Math.cos(b) * Math.sin(g), -Math.sin(b), -Math.cos(b) * Math.cos(g)]; // gravity as the device sees it
  const down = Math.abs(gz) > 0.8;
  if (down) {
    const angle = (Math.acos(Math.min(1, Math.abs(gz))) * 180) / Math.PI;
    return { angle, level: angle <= levelWithin, down };
  }
  const roll = (Math.atan2(gx, -gy) * 180) / Math.PI + turned; // the screen turns against the device
  const angle = ((((roll + 180) % 360) + 360) % 360) - 180;
  return { angle, level: Math.abs(angle) <= levelWithin, down };
}

/**
 * Draws the boxes of warnings.
 * @param {Element} group of an SVG whose view box is 1000 by 1000 @param {(Box | undefined)[]} boxes
 */
export function drawBoxes(group, boxes) {
  group.replaceChildren(...boxes.filter((b) => b !== undefined).map((b) => {
    const rect = document.createElementNS(svg, 'rect');
    const at = { x: b.x0, y: b.y0, width: b.x1 - b.x0, height: b.y1 - b.y0 };
    for (const [name, part] of Object.entries(at)) rect.setAttribute(name, String(Math.round(1000 * part)));
    return rect;
  }));
}

/**
 * Tells taps and pinches on the picture.
 * @param {HTMLElement} node
 * @param {{ tap: (clientX: number, clientY: number) => void, pinchStart: () => void, pinch: (ratio: number) => void }} acts
 */
export function gestures(node, acts) {
  /** @type {Map<number, { x: number, y: number }>} fingers that are down */
  const down = new Map();
  let [startX, startY, apart, tapping] = [0, 0, 0, false];
  const distance = () => {
    const [a, b] = [...down.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  node.addEventListener('pointerdown', (e) => {
    down.set(e.pointerId, { x: e.clientX, y: e.clientY });
    tapping = down.size === 1;
    [startX, startY] = [e.clientX, e.clientY];
    if (down.size !== 2) return;
    apart = distance();
    acts.pinchStart();
  });
  node.addEventListener('pointermove', (e) => {
    if (!down.has(e.pointerId)) return;
    down.set(e.pointerId, { x: e.clientX, y: e.clientY });
    if (Math.hypot(e.clientX - startX, e.clientY - startY) > tapMoves) tapping = false;
    if (down.size === 2 && apart > 0) acts.pinch(distance() / apart);
  });
  for (const type of ['pointerup', 'pointercancel', 'pointerleave']) {
    node.addEventListener(type, (event) => {
      const e = /** @type {PointerEvent} */ (event);
      if (down.delete(e.pointerId) && type === 'pointerup' && tapping) acts.tap(e.clientX, e.clientY);
      tapping = false;
    });
  }
}

/**
 * Watches how the device is held until stop(). iPhones ask the person first.
 * @param {(tilt: ReturnType<typeof tiltOf>) => void} told
 * @returns {Promise<{ stop: () => void } | null>} null when the person or the device does not say
 */
export async function watchLevel(told) {
  const Orientation = /** @type {any} */ (globalThis).DeviceOrientationEvent;
  if (!Orientation) return null;
  if (Orientation.requestPermission && (await Orientation.requestPermission().catch(() => 'denied')) !== 'granted') return null;
  const heard = (/** @type {any} */ e) => {
    if (e.beta !== null && e.gamma !== null) told(tiltOf(e.beta, e.gamma, screen.orientation?.angle ?? 0));
  };
  globalThis.addEventListener('deviceorientation', heard);
  return { stop: () => globalThis.removeEventListener('deviceorientation', heard) };
}
