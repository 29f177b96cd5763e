// @ts-check
// When a screen was left alone, and what one tab makes of what another says. Pure: the clock is given.

/** How long a page may be out of sight before it locks, in milliseconds: on a shared device not at all. */
export const sharedGrace = 0;
export const personalGrace = 30_000;

/** The server is told at most this often, as a part of the time after which it locks. */
const tellEvery = 1 / 4;

export class Idle {
  /** @param {{ after: number, now: () => number }} parts after: milliseconds until it is over; 0: never */
  constructor(parts) {
    this.parts = parts;
    this.last = this.told = parts.now();
  }

  /** Somebody did something. */
  touch() {
    this.last = this.parts.now();
  }

  /** @returns {boolean} whether nobody did anything for too long */
  over() {
    return this.parts.after > 0 && this.parts.now() - this.last >= this.parts.after;
  }

  /** @returns {boolean} whether it is time to tell the server of what was done since it was told */
  tells() {
    const now = this.parts.now();
    if (this.parts.after === 0 || this.last <= this.told || now - this.told < this.parts.after * tellEvery) return false;
    this.told = now;
    return true;
  }
}

/**
 * What a tab does about another one's word.
 * @param {unknown} word busy: somebody works there; locked, open: the session was; { left: ID }: that person signed out, or somebody else goes on
 * @param {{ locked: boolean, dedicated: boolean, person: string }} now person: ID, whose tab it is
 * @returns {'' | 'touch' | 'lock' | 'look' | 'leave'}
 */
export function answers(word, now) {
  if (word === 'busy') return now.locked ? '' : 'touch';
  if (word === 'locked') return now.locked ? '' : 'lock';
  if (word === 'open') return now.locked || now.dedicated ? 'look' : '';
  return now.person && idOf(word, 'left') === now.person ? 'leave' : '';
}

/**
 * Whether another tab says that somebody else is signed in on this browser now: then nothing of this page is theirs to see.
 * @param {unknown} word @param {string} person ID, whose page this is
 */
export function isOther(word, person) {
  const said = idOf(word, 'person');
  return said !== '' && person !== '' && said !== person;
}

/** @param {any} word @param {'person' | 'left'} name @returns {string} the ID that it says; '' */
function idOf(word, name) {
  return typeof word?.[name] === 'string' ? word[name] : '';
}
