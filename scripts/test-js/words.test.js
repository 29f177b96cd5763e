// The words of the bedside pages: each sentence has its German one, and no German one is left without a sentence.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import german from '../../api/web/static/words/de.js';
import { keyOf } from '../../api/web/static/lib/words.js';

const root = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, root), 'utf8');
const folder = (path, fits) => readdirSync(new URL(path, root)).filter(fits).map((name) => path + name);

const web = 'api/web/';
const modules = [
  ...folder(`${web}static/capture/`, (n) => n.endsWith('.js')),
  ...folder(`${web}static/pages/`, (n) => /^captures?.*\.js$/.test(n)),
  ...['bedside', 'dom', 'leave', 'lock', 'patients', 'sign-in', 'stepup', 'who', 'words'].map((n) => `${web}static/lib/${n}.js`),
];
const templates = ['capture', 'captures', 'layout', 'parts', 'shell-parts', 'signin-parts'].map((n) => `${web}templates/${n}.html`);
const parts = folder(`${web}static/words/de/`, (n) => n.endsWith('.js'));

/** The text of a literal as it is written between its quotes. */
const unquoted = (text) => text.replace(/\\u\{([0-9a-f]+)\}/gi, (_, hex) => String.fromCodePoint(Number.parseInt(hex, 16))).replace(/\\(.)/g, '$1');
const entities = (text) => text.replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&#34;', '"').replaceAll('&nbsp;', '\u00a0');

/** The sentences that a module gives to t(). */
function spoken(source) {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(/\bt\(\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")/g)].map((m) => unquoted(m[1] ?? m[2]));
}

/** The sentences of a template that are marked for translation. */
function written(source) {
  const out = [];
  for (const [, tag, rest] of source.matchAll(/<([a-z0-9]+)\b([^>]*\sdata-t(?:\s[^>]*|=""[^>]*)?>[^<]*)/g)) {
    const text = keyOf(entities(rest.slice(rest.indexOf('>') + 1)));
    if (text && !text.includes('{{')) out.push(text);
    assert.ok(tag, 'an element');
  }
  for (const [whole, names] of source.matchAll(/<[^>]*\sdata-t-attr="([^"]*)"[^>]*>/g)) {
    for (const name of names.split(' ')) {
      const value = new RegExp(`\\s${name}="([^"]*)"`).exec(whole)?.[1];
      assert.ok(value, `${whole} has no ${name}`);
      if (!value.includes('{{')) out.push(keyOf(entities(value)));
    }
  }
  return out;
}

test('the finders find', () => {
  assert.deepEqual(spoken("t('a {n}', { n }); x.t('b'); not('c'); t(\"d\\'e\"); // t('f')\n  // t('g')"), ['a {n}', 'b', "d'e", 'f']);
  assert.deepEqual(written('<b data-t>One &amp; two</b><i data-t class="x">Three</i><u data-t-attr="title" title="Four"></u><s data-table>No</s>'), ['One & two', 'Three', 'Four']);
});

const sentences = new Set([...modules.flatMap((m) => spoken(read(m))), ...templates.flatMap((p) => written(read(p)))]);

test('every sentence of the bedside pages has a German one', () => {
  assert.ok(sentences.size > 60, `found only ${sentences.size}`);
  assert.deepEqual([...sentences].filter((s) => !Object.hasOwn(german, s)), []);
});

test('every German sentence has a use', () => {
  const everything = keyOf([...modules, ...templates, 'vault/sites.go', 'api/web/funcs.go', 'api/web/menu.go', 'api/pages_photos.go'].map((f) => entities(unquoted(read(f)))).join('\n'));
  assert.deepEqual(Object.keys(german).filter((s) => !sentences.has(s) && !everything.includes(s)), []);
});

test('German sentences keep the places of values, are no copy, and are said once', async () => {
  const seen = new Map();
  for (const part of parts) {
    const { default: words } = await import(new URL(part, root));
    for (const [english, text] of Object.entries(words)) {
      assert.ok(!seen.has(english), `${english}: in ${part} and ${seen.get(english)}`);
      seen.set(english, part);
      const places = (s) => [...s.matchAll(/\{\w+\}/g)].map((m) => m[0]).sort();
      assert.deepEqual(places(text), places(english), english);
      assert.ok(text.trim() !== '' && !/\s{2}|\b(undefined|TODO)\b/.test(text), english);
    }
  }
  assert.equal(seen.size, Object.keys(german).length);
});
