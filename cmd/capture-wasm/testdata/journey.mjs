// Takes frames from the test's server through the capture page's own modules: seal, queue item, upload, receipt.
// Arguments: address of the server, path of wasm_exec.js, path of the modules. Prints what happened as JSON.
import { pathToFileURL } from 'node:url';

const [base, exec, modules] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${modules}/${name}`).href);
const { loadSeal } = await load('wasm.js');
const { fetchIntake } = await load('intake.js');
const { seal } = await load('seal.js');
const { newItem } = await load('state.js');
const { Uploader } = await load('upload.js');
const { headersOf } = await load('transfer.js');
const { verifyReceipt } = await load('receipt.js');

const module = await loadSeal({ execURL: pathToFileURL(exec).href, wasmURL: `${base}/capture.wasm` });
const intake = await fetchIntake(`${base}/api/v1/intake`);
const { facts, frames } = await (await fetch(`${base}/frames`)).json();
const said = { refused: [], events: [], left: 0 };

for (const bad of [{ patient: '../x' }, { more: 1 }, { taken_at: '2026-11-21' }]) {
  try {
    await seal(module, intake, { ...facts, ...bad }, new Uint8Array(10));
  } catch (err) {
    said.refused.push(err.message);
  }
}
try {
  await seal(module, { ...intake, key: 'AAAA' }, facts, new Uint8Array(10));
} catch (err) {
  said.refused.push(err.message);
}

const stored = new Map();
for (const [i, id] of frames.entries()) {
  const frame = await (await fetch(`${base}/frames/${i}`)).arrayBuffer();
  const sealed = await seal(module, intake, { ...facts, capture_id: id }, frame);
  if (new Uint8Array(frame).some((b) => b !== 0)) throw new Error('the frame was not zeroed');
  stored.set(id, newItem(sealed, facts.author, new Date(Date.now() + i)));
}

const uploader = new Uploader({
  queue: {
    list: async () => [...stored.values()],
    update: async (id, change) => void stored.set(id, { ...stored.get(id), ...change }),
    received: async (id) => void stored.delete(id),
  },
  owner: facts.author,
  verify: verifyReceipt,
  receiptKeys: async () => intake.receipt_keys,
  alone: (act) => act(),
  later: () => {},
  send: async (item) => {
    const answer = await fetch(`${base}/api/v1/captures`, { method: 'POST', headers: headersOf(item), body: item.envelope });
    return { status: answer.status, body: await answer.text(), retryAfter: answer.headers.get('Retry-After') };
  },
});
for (const type of ['received', 'failed', 'waiting', 'signin']) {
  uploader.addEventListener(type, (e) => said.events.push(`${type} ${e.detail.capture_id}`));
}
await uploader.start();
said.left = stored.size;
process.stdout.write(JSON.stringify(said) + '\n', () => process.exit(0));
