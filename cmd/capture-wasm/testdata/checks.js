// Drives the live checks in a real browser under the server's own policy: watch() shows the camera and writes down what is
// warned of while which picture is on view; stills() has pictures looked at as taken photos are.
const base = '/static/00112233445566778899';
const { Checks } = await import(`${base}/capture/checks.js`);
const { openCamera } = await import(`${base}/capture/camera.js`);
const { warningWords } = await import(`${base}/capture/checks-words.js`);

const violations = [];
document.addEventListener('securitypolicyviolation', (e) => violations.push(`${e.effectiveDirective} ${e.blockedURI}`));
const addresses = { worker: `${base}/capture/checks-worker.js`, wasm: '/capture.wasm', exec: '/wasm_exec.js' };
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The number of the picture on view: four squares in its upper left corner. */
function onView(video) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [48, 12];
  const paint = canvas.getContext('2d', { willReadFrequently: true });
  paint.drawImage(video, 0, 0, 48, 12, 0, 0, 48, 12);
  return [0, 1, 2, 3].reduce((n, bit) => n + (paint.getImageData(12 * bit + 6, 6, 1, 1).data[1] > 120 ? 1 << bit : 0), 0);
}

/** Watches for some seconds; a picture counts from settle milliseconds after it came. */
async function watch(seconds, settle) {
  const video = document.querySelector('video');
  const camera = await openCamera(video);
  const checks = new Checks(addresses);
  const said = { violations, seen: {}, fps: [], off: 0 };
  const gaps = [];
  let last = 0, running = true, shown = -1, since = 0;
  const frame = (now) => {
    if (last) gaps.push(now - last);
    last = now;
    if (running) requestAnimationFrame(frame);
  };
  checks.addEventListener('off', () => said.off++);
  checks.addEventListener('warnings', ({ detail }) => {
    const now = performance.now(), id = onView(video);
    if (id !== shown) [shown, since] = [id, now];
    if (now - since < settle) return;
    said.fps.push(detail.fps);
    const here = (said.seen[id] ??= { frames: 0, codes: {} });
    here.frames++;
    for (const w of detail.warnings) {
      here.codes[w.code] = (here.codes[w.code] ?? 0) + 1;
      if (w.box && !(w.box.x0 >= 0 && w.box.x1 <= 1 && w.box.y0 >= 0 && w.box.y1 <= 1 && w.box.x0 < w.box.x1)) said.badBox = w;
    }
  });
  checks.start(video);
  await later(2000);
  requestAnimationFrame(frame);
  await later(seconds * 1000);
  running = false;
  checks.stop();
  const after = said.fps.length;
  await later(500);
  said.afterStop = said.fps.length - after;
  camera.stop();
  gaps.sort((a, b) => a - b);
  said.fps.sort((a, b) => a - b);
  said.gaps = [0.5, 0.95, 0.99, 1].map((q) => gaps[Math.min(gaps.length - 1, Math.floor(q * gaps.length))]);
  said.fps = [0, 0.05, 0.5].map((q) => said.fps[Math.floor(q * (said.fps.length - 1))]);
  return said;
}

/** Has pictures 0 to n - 1 looked at as taken photos. */
async function stills(n) {
  const said = { violations, found: [], millis: [] };
  const checks = new Checks(addresses);
  const canvas = document.createElement('canvas');
  for (let i = 0; i < n; i++) {
    const picture = await createImageBitmap(await (await fetch(`/pictures/${i}`)).blob());
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext('2d').drawImage(picture, 0, 0);
    canvas.dataset.photoWidth = String(2 * picture.width);
    const from = performance.now();
    const { warnings, sharpness, scale } = await checks.still(canvas);
    said.millis.push(performance.now() - from);
    said.found.push({ codes: warnings.map((w) => w.code), sharpness, scale });
  }
  return said;
}

/** Without a module, or with one that is none, that is said once. */
async function without() {
  const said = [];
  for (const change of [{ wasm: '' }, { wasm: '/none.wasm' }, { worker: `${base}/capture/checks.js` }]) {
    const checks = new Checks({ ...addresses, ...change });
    let off = 0;
    checks.addEventListener('off', () => off++);
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [64, 64];
    canvas.getContext('2d').fillRect(0, 0, 64, 64);
    const refused = [];
    for (let i = 0; i < 2; i++) {
      await checks.still(canvas).then(() => refused.push(false), () => refused.push(true));
    }
    said.push({ off, refused });
  }
  return { said, words: ['face', 'eyes', 'tattoo', 'text', 'wristband', 'blur', 'glare', 'dark', 'far'].map((c) => warningWords(c)) };
}

Object.assign(globalThis, { watch, stills, without, ready: true });
