// @ts-check
// The list of one's patients for the time without a network: whom a wristband names, and nobody else. It is fetched while
// there is a network, sealed to a key that lives in the memory of this page; what is kept on the device opens by passkey
// alone (unlock.js). When the screen locks, the keys are forgotten. Nothing of it is kept in the clear: each question opens
// the list anew.

import { Problem, call } from '../lib/api.js';
import { storedKey } from '../lib/devicekey.js';
import { locale, t } from '../lib/words.js';
import { fromBase64, toBase64 } from './bytes.js';
import { newKeyPair, publicBytes, sealBase } from './hpke.js';
import { clockSkew, corrected, intake, trustedNow } from './offline.js';
import { opened } from './unlock.js';
import { dropList, dropLists, keepList, keptList, offlineUse } from './wardkeep.js';
import { ForgedError, SignerError, info, lifeOf, openWard, wearer } from './wardtext.js';
import { parseBand } from './wristband.js';

/** @typedef {import('../lib/patients.js').Patient} Patient */
/** @typedef {import('./wristband.js').Band} Band */
/** @typedef {import('./steady.js').Code} Code */
/** @typedef {import('./wardtext.js').Signer} Signer */
/** @typedef {import('./wardtext.js').Ward} Ward */
/** @typedef {{ enc: Uint8Array, sealed: Uint8Array, issued: number, expires: number, high: number, device: string }} Sealed */
/** @typedef {'open' | 'locked' | 'expired' | 'absent'} State */

const path = '/api/v1/ward-list';
const scanPath = '/api/v1/patients/scan';
const intakePath = '/api/v1/intake';
const every = 30 * 60_000; // milliseconds between two fetches, while the page is used

/** @param {number} at in milliseconds */
const clock = (at) => new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }).format(at);

/** What has become of the network, rather than of the request. @param {unknown} err */
const unreachable = (err) => err instanceof Problem && (err.status === 0 || err.status >= 500);

/** The list of one person on this device. It says 'change' when it opens, closes or was fetched. */
class WardList extends EventTarget {
  #person;
  /** @type {CryptoKeyPair | null} of this page, until the screen locks */ #pair = null;
  /** @type {Sealed | null} to #pair */ #mine = null;
  /** @type {Sealed | null} to the key of offline use, as this device keeps it */ #kept = null;
  /** @type {Signer[]} */ #signers = [];
  #at = 0; // performance.now() of the last fetch
  #locked = false;
  #forged = false; // what was kept here was not what the vault signed
  #skew = 0; // of the device's clock, as the server told last
  #stale = false; // offline use does not know the newest signer
  #ready;

  /** @param {string} person */
  constructor(person) {
    super();
    this.#person = person;
    this.#ready = this.#load();
    const listen = (/** @type {string} */ name, /** @type {() => void} */ act) => globalThis.addEventListener(name, act);
    listen('clinivault-lock', () => this.#close());
    listen('clinivault-leave', () => this.#close());
    listen('clinivault-open', () => {
      this.#locked = false;
      void this.#again();
    });
    listen('online', () => void this.#again());
    listen('clinivault-clock', () => void this.#hear());
    setInterval(() => !document.hidden && this.#pair && this.#again(), every);
  }

  async #load() {
    await this.#hear();
    const kept = await keptList(this.#person);
    if (kept) this.#kept = { ...kept, device: (await storedKey().catch(() => undefined))?.device ?? '' };
    this.#changed();
  }

  async #hear() {
    this.#skew = await clockSkew();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
    globalThis.dispatchEvent(new Event('clinivault-ward'));
  }

  /** The screen locked: what is in memory is forgotten. */
  #close() {
    this.#locked = true;
    this.#pair = this.#mine = null;
    this.#changed();
  }

  async #again() {
    await this.#ready;
    this.#changed();
    if (!this.#mine || performance.now() - this.#at > every / 2) await this.refresh().catch(() => {});
  }

  /**
   * Fetches the list anew. Without a network everything stays as it is; whoever may have none any more loses what is kept
   * here. Rejects with a refusal of the server's.
   */
  async refresh() {
    await this.#ready;
    if (this.#locked) return;
    this.#pair ??= await newKeyPair().catch(() => null);
    const pair = this.#pair;
    if (!pair) return; // a browser without X25519 has no list
    let answer;
    try {
      answer = await call('POST', path, { public_key: toBase64(await publicBytes(pair)) }, { background: true });
      this.#signers = (await intake(intakePath)).receipt_keys;
    } catch (err) {
      if (!(err instanceof Problem) || unreachable(err)) return;
      if (err.kind === 'not-allowed') await this.forget(); // who is on it is nothing for this person any more
      throw err;
    }
    if (pair !== this.#pair) return; // locked meanwhile
    const enc = fromBase64(answer.enc);
    const sealed = fromBase64(answer.sealed);
    const { ward, plain, signer } = await openWard(pair.privateKey, enc, sealed, { person: this.#person, device: answer.device, signers: this.#signers });
    this.#mine = { enc, sealed, issued: ward.issued, expires: ward.expires, high: ward.issued, device: answer.device };
    this.#at = performance.now();
    this.#forged = false;
    await this.#keep(plain, signer);
    plain.fill(0);
    this.#changed();
  }

  /** Seals the signed text once more, for the passkey of whoever prepared this device. @param {Uint8Array} plain @param {string} signer */
  async #keep(plain, signer) {
    const use = await offlineUse(this.#person);
    this.#stale = use !== undefined && !use.signers.includes(signer);
    if (!use || !this.#mine || this.#stale) return;
    const { enc, cipher } = await sealBase(use.publicKey, info, plain);
    this.#kept = { ...this.#mine, enc, sealed: cipher };
    await keepList({ ...this.#kept, person: this.#person });
  }

  /** @returns {{ from: Sealed, key: CryptoKey, signers: Signer[] } | null} what can be opened now */
  #openable() {
    if (this.#mine && this.#pair) return { from: this.#mine, key: this.#pair.privateKey, signers: this.#signers };
    const by = opened(this.#person);
    return by && this.#kept ? { from: this.#kept, key: by.privateKey, signers: by.signers } : null;
  }

  /**
   * The time by the device's clock, set right by the server's, and for a list that came to this page by how long ago that was.
   * @param {Sealed} list
   */
  #now(list) {
    const told = corrected(Date.now(), { skew: this.#skew, seen: 0 });
    return list === this.#mine ? Math.max(told, list.issued + performance.now() - this.#at) : told;
  }

  /** @param {Sealed} list */
  #life(list) {
    const latest = Math.max(list.high, list === this.#mine ? 0 : trustedNow().getTime()); // never before what the server told last
    return lifeOf({ ...list, high: latest }, this.#now(list));
  }

  /** @returns {State} */
  state() {
    const list = this.#openable()?.from ?? this.#kept;
    if (!list) return 'absent';
    if (this.#life(list) !== 'open') return 'expired';
    return this.#openable() ? 'open' : 'locked';
  }

  /** Whether the device has to be prepared anew, since the vault signs with another key. */
  get stale() {
    return this.#stale;
  }

  /** Until when the list may be used, and whether it outlives this page; null where there is none. @returns {{ at: Date, kept: boolean } | null} */
  until() {
    const list = this.#openable()?.from ?? this.#kept;
    return list && { at: new Date(list.expires), kept: list.issued === this.#kept?.issued };
  }

  /** Opens the list for one question. @returns {Promise<Ward>} rejects with a sentence */
  async #open() {
    await this.#ready;
    const found = this.#openable();
    if (!found) throw new Error(await this.#closedSentence());
    const { from, key, signers } = found;
    const life = this.#life(from);
    if (life === 'clock') throw new Error(t('The clock of this device went back, so nobody can say whether the list still holds. Connect to the network.'));
    if (life === 'expired') throw new Error(t('The list on this device ended at {at}. Connect to the network to fetch it anew.', { at: clock(from.expires) }));
    await this.#look(from, this.#now(from));
    try {
      const { ward, plain } = await openWard(key, from.enc, from.sealed, { person: this.#person, device: from.device, signers });
      plain.fill(0);
      if (ward.issued !== from.issued || ward.expires !== from.expires) throw new ForgedError(); // what is kept beside it was changed
      return ward;
    } catch (err) {
      if (err instanceof SignerError) throw new Error(t('The list was signed with a newer key of the vault. Connect to the network to fetch it anew.'), { cause: err });
      this.#forged = true;
      await this.forget();
      throw new Error(await this.#closedSentence(), { cause: err });
    }
  }

  /** Notes when the list was looked at, so that a clock that is set back later is seen. @param {Sealed} list @param {number} now */
  async #look(list, now) {
    if (now <= list.high) return;
    list.high = now;
    if (list === this.#kept) await keepList({ ...list, person: this.#person });
  }

  async #closedSentence() {
    if (this.#forged) return t('The list on this device was changed, and is deleted. Connect to the network to fetch it anew, and tell your IT team.');
    if (!(await offlineUse(this.#person))) return t('This device is not prepared for use without a network. Connect, then sign in with a passkey or press “Use this device offline”.');
    if (!this.#kept) return t('Without a network this device knows no patients: no list was fetched here. Connect, and the list comes by itself.');
    return t('Your list is closed. Open it with your passkey, or connect to the network.');
  }

  /** Everybody on the list. @returns {Promise<Patient[]>} rejects with a sentence */
  async patients() {
    return (await this.#open()).patients;
  }

  /** Who wears a band, by the list. @param {Band} band @returns {Promise<Patient | null>} rejects with a sentence */
  async find(band) {
    return wearer(await this.#open(), band);
  }

  /**
   * Who wears a band: where it has two codes, both have to lead to one patient.
   * @param {Code[]} codes
   * @returns {Promise<Patient>} rejects with a sentence
   */
  async lookUp(codes) {
    const found = await Promise.all(codes.map((code) => this.#wearerOf(code)));
    const strange = found.filter((one) => typeof one === 'string');
    if (strange.length === found.length) throw new Error(strange[0]);
    if (strange.length > 0) throw new Error(t('Only one of the two codes in view leads to a patient of yours. Show one code alone.'));
    const [first, ...others] = /** @type {Patient[]} */ (found);
    if (others.some((p) => p.id !== first.id)) throw new Error(t('More than one wristband is in view. Show one alone.'));
    return first;
  }

  /**
   * Whom a code leads to: the server says, or without a network the list.
   * @param {Code} raw
   * @returns {Promise<Patient | string>} a sentence where it is nobody; rejects with one where that cannot be told
   */
  async #wearerOf(raw) {
    try {
      return await call('POST', scanPath, { symbology: raw.symbology, text: raw.text });
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      if (err.status === 404) return t('This is not one of your patients. Ask the ward to add you to their team, or break the glass.');
      if (err.status === 422) throw new Error(t(err.message), { cause: err }); // the sentences of wristband.js, in the server's words
      if (!unreachable(err)) throw err;
    }
    const ward = await this.#open();
    const band = parseBand(raw.symbology, raw.text, ward.plain);
    if ('refused' in band) throw new Error(band.refused);
    return wearer(ward, band) ?? (ward.complete
      ? t('This patient is not on the list of this device, which is from {at}. Connect to the network, or ask a colleague who treats them.', { at: clock(ward.issued) })
      : t('This patient is not among the {n} on the list of this device. Connect to the network to look them up.', { n: ward.patients.length }));
  }

  /** The keys that sign lists, for preparing the device. */
  signers() {
    return this.#signers;
  }

  /** Deletes the list from this device. */
  async forget() {
    this.#pair = this.#mine = this.#kept = null;
    await dropList(this.#person);
    this.#changed();
  }
}

/** @type {WardList | null} */
let current = null;

/** @param {{ person: string }} whose @returns {WardList} */
export function openWardList({ person }) {
  current = new WardList(person);
  void import('./offline-use.js').then((m) => m.wireOfflineUse(/** @type {WardList} */ (current), person)).catch(() => {});
  return current;
}

/** Deletes every list of everybody, at sign-out. */
export async function forgetLists() {
  await current?.forget();
  await dropLists();
}

