// Drives the capture page's modules in a real browser under the server's own policy. The test calls take() first, loads the
// page again, and calls flush(): what was sealed before a reload goes afterwards.
import { cameras, CameraError, drawPreview, forget, openCamera } from './static/camera.js';
import { newCaptureID } from './static/bytes.js';
import { fetchIntake } from './static/intake.js';
import { keepStorage, openQueue, QueueError } from './static/queue.js';
import { verifyReceipt } from './static/receipt.js';
import { seal } from './static/seal.js';
import { newItem } from './static/state.js';
import { Uploader } from './static/upload.js';
import { loadSeal } from './static/wasm.js';

const violations = [];
document.addEventListener('securitypolicyviolation', (e) => violations.push(`${e.effectiveDirective} ${e.blockedURI}`));

const module = () => loadSeal({ execURL: '/wasm_exec.js', wasmURL: '/capture.wasm' });
const facts = async () => (await (await fetch('/frames')).json()).facts;

async function refused(act, type) {
  try {
    await act();
  } catch (err) {
    return err instanceof type;
  }
  return false;
}

/** Takes two photos and seals them into the queue without sending. */
async function take() {
  const said = { violations };
  const sealer = await module();
  const intake = await fetchIntake('/api/v1/intake');
  const queue = await openQueue();
  said.persisted = typeof (await keepStorage());
  const video = document.querySelector('video');
  said.missing = await refused(() => openCamera(video, { deviceID: 'none such' }), CameraError);
  const camera = await openCamera(video);
  said.cameras = (await cameras()).length;
  said.types = [];
  let changes = 0;
  queue.addEventListener('change', () => changes++);
  for (const photo of [true, false]) {
    if (!photo) delete globalThis.ImageCapture; // the second comes from the video element
    const frame = await camera.grab();
    said.types.push(frame.media_type);
    const canvas = document.querySelector('canvas');
    await drawPreview(canvas, frame);
    said.width = canvas.width;
    const asked = { ...(await facts()), capture_id: newCaptureID(), media_type: frame.media_type };
    const item = newItem(await seal(sealer, intake, asked, frame.bytes), asked.author, new Date());
    forget(frame, canvas);
    said.forgotten = canvas.width === 0 && frame.bytes.every((b) => b === 0);
    await queue.put(item);
    said.doubled = await refused(() => queue.put(item), QueueError);
  }
  camera.stop();
  said.live = camera.live;
  said.changes = changes;
  said.queued = (await queue.list()).map((i) => `${Object.keys(i).sort()} ${i.state} ${i.envelope.byteLength === i.size}`);
  await queue.update('f'.repeat(32), { state: 'failed' });
  said.count = (await queue.list()).length;
  return said;
}

/** Sends what is queued until nothing is left, at most 20 seconds. */
async function flush() {
  const said = { violations, events: [], progress: 0 };
  const intake = await fetchIntake('/api/v1/intake');
  const queue = await openQueue();
  said.before = (await queue.list()).length;
  const uploader = new Uploader({
    queue, owner: (await facts()).author, url: '/api/v1/captures', verify: verifyReceipt, receiptKeys: async () => intake.receipt_keys,
  });
  let done;
  const finished = new Promise((resolve) => (done = resolve));
  for (const type of ['received', 'failed', 'waiting', 'signin']) {
    uploader.addEventListener(type, async (e) => {
      said.events.push(type);
      if (type === 'failed') {
        const kept = await queue.get(e.detail.capture_id);
        said.failed = `${kept.state} ${kept.last_error}`;
        void uploader.retry(e.detail.capture_id);
      }
      if (type === 'received' && (await queue.list()).length === 0) done();
    });
  }
  uploader.addEventListener('progress', (e) => {
    if (e.detail.sent === e.detail.total) said.progress++;
  });
  void uploader.start();
  await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, 20_000))]);
  uploader.stop();
  said.after = (await queue.list()).length;
  return said;
}

Object.assign(globalThis, { take, flush, ready: true });
