// @ts-check
// The room on this device for sealed photos: whether the browser may clear it, and how much is left.

/** @typedef {{ persisted: boolean, used: number, room: number }} Storage used and room in bytes; room 0: not known */

/** Below this much room, in bytes, the person is told: about twenty photos. */
export const little = 100e6;

/**
 * Asks the browser not to clear what is kept. Only for when there is something to keep: a browser that asks the person
 * then asks for a reason they can see.
 * @returns {Promise<Storage>}
 */
export async function keepRoom() {
  const storage = navigator.storage;
  try {
    const persisted = (await storage?.persisted?.()) || (await storage?.persist?.()) || false;
    const { usage = 0, quota = 0 } = (await storage?.estimate?.()) ?? {};
    return { persisted, used: usage, room: Math.max(0, quota - usage) };
  } catch {
    return { persisted: false, used: 0, room: 0 };
  }
}
