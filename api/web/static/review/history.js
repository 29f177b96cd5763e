// @ts-check
// Undo and redo over states that are never changed in place.

/** How many steps can be undone. */
export const depth = 200;

/** @template T */
export class History {
  /** @param {T} state */
  constructor(state) {
    this.now = state;
    /** @type {T[]} */
    this.past = [];
    /** @type {T[]} */
    this.future = [];
    this.run = '';
  }

  /**
   * Takes a new state. Steps with the same run, one after the other, are one
   * step to undo: a held arrow key is one move.
   * @param {T} state
   * @param {string} [run]
   */
  commit(state, run = '') {
    if (state === this.now) return;
    if (!run || run !== this.run) {
      this.past.push(this.now);
      if (this.past.length > depth) this.past.shift();
    }
    this.future = [];
    this.now = state;
    this.run = run;
  }

  /** @returns {boolean} whether there was something to undo */
  undo() {
    const before = this.past.pop();
    if (before === undefined) return false;
    this.future.push(this.now);
    this.now = before;
    this.run = '';
    return true;
  }

  /** @returns {boolean} whether there was something to redo */
  redo() {
    const after = this.future.pop();
    if (after === undefined) return false;
    this.past.push(this.now);
    this.now = after;
    this.run = '';
    return true;
  }

  /** Ends a run: the next step is one of its own. */
  rest() {
    this.run = '';
  }
}
