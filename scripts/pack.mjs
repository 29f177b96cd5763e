// Compresses the browser's WebAssembly modules, and what came with them, ahead, by brotli at its best:
// api/web/packed/{SHA-256 of the file}.br, and index.json, which says which file each is of. What is there already is not
// made again, what is of no file any more goes. The rest of the client is small; the server compresses it by itself.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';

const root = fileURLToPath(new URL('..', import.meta.url));
const from = join(root, 'api/web/static');
const to = join(root, 'api/web/packed');
const endings = new Set(['.js', '.wasm']);

/** @type {Record<string, string>} */
const index = {};
mkdirSync(to, { recursive: true });
for (const entry of readdirSync(join(from, 'wasm'), { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !endings.has(extname(entry.name))) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const body = readFileSync(path);
  const digest = createHash('sha256').update(body).digest('hex');
  index[relative(from, path).replaceAll('\\', '/')] = digest;
  const target = join(to, `${digest}.br`);
  if (existsSync(target)) continue;
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22, [constants.BROTLI_PARAM_SIZE_HINT]: body.length };
  writeFileSync(`${target}.new`, brotliCompressSync(body, { params }));
  renameSync(`${target}.new`, target);
}
const wanted = new Set(Object.values(index).map((digest) => `${digest}.br`));
for (const name of readdirSync(to)) if (/\.br(\.new)?$/.test(name) && !wanted.has(name)) rmSync(join(to, name));
writeFileSync(join(to, 'index.json'), `${JSON.stringify(index, null, 1)}\n`);
