// Printed codes for tests: zint draws them, and here they are turned, blurred, bent, faded and covered as they are on a wrist.
import { execFileSync } from 'node:child_process';

/** The kinds of code that wristbands carry, as zint names them. */
export const kinds = {
  'GS1 DataMatrix': ['-b', 'DATAMATRIX', '--gs1', '--square'],
  'GS1-128': ['-b', 'GS1_128'],
  'Code 128': ['-b', 'CODE128'],
  'QR code': ['-b', 'QRCODE'],
  DataMatrix: ['-b', 'DATAMATRIX', '--square'],
  'GS1 QR code': ['-b', 'QRCODE', '--gs1'],
};

/** Whether zint is there; where the tools are required, its absence is an error. */
export function zintThere() {
  try {
    execFileSync('zint', ['--version']);
    return true;
  } catch (err) {
    if (process.env.CLINIVAULT_TOOLS === 'required') throw err;
    return false;
  }
}

/** The modules of a code, one byte each: 1 is black. */
export function print(kind, data) {
  const bmp = execFileSync('zint', [...kinds[kind], '-d', data, '--direct', '--filetype=BMP', '--scale=0.5', '--notext', '--height=28', '--border=0', '--whitesp=0']);
  const view = new DataView(bmp.buffer, bmp.byteOffset, bmp.length);
  const [start, width, height, bits] = [view.getUint32(10, true), view.getInt32(18, true), view.getInt32(22, true), view.getUint16(28, true)];
  const stride = Math.ceil((width * bits) / 32) * 4;
  const palette = bits <= 8 ? view.getUint32(14, true) + 14 : 0;
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = start + (height - 1 - y) * stride;
      const index = bits === 1 ? (bmp[at + (x >> 3)] >> (7 - (x & 7))) & 1 : bits === 4 ? (bmp[at + (x >> 1)] >> (x & 1 ? 0 : 4)) & 15 : 0;
      out[y * width + x] = (palette ? bmp[palette + 4 * index] : bmp[at + 3 * x]) < 128 ? 1 : 0;
    }
  }
  return { width, height, modules: out };
}

/**
 * A frame of a camera that sees a code.
 * @param {{ width: number, height: number, modules: Uint8Array }} code
 * @param {object} [how] angle in degrees; pixels for each module; sigma of the blur in pixels; bend: the angle in degrees that
 *   the code takes up around a wrist; contrast of 1; noise, its amplitude of 255; cover: the part that is hidden
 */
export function frame(code, { angle = 0, module = 5, sigma = 0, bend = 0, contrast = 1, noise = 0, cover = 0, width = 640, height = 480, seed = 1 } = {}) {
  const [dark, light] = [128 - 108 * contrast, 128 + 108 * contrast];
  const gray = new Float32Array(width * height);
  const [sin, cos] = [Math.sin((angle * Math.PI) / 180), Math.cos((angle * Math.PI) / 180)];
  const turn = (bend * Math.PI) / 180;
  const radius = turn > 0 ? code.width / turn : 0;
  const quiet = code.width > 3 * code.height ? 10 : 2; // ISO/IEC 15417 and 16022 ask for that many modules at least
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let i = 0; i < 4; i++) {
        const [dx, dy] = [(x + 0.25 + 0.5 * (i & 1) - width / 2) / module, (y + 0.25 + 0.25 * (i & 2) - height / 2) / module];
        let u = dx * cos + dy * sin;
        const v = -dx * sin + dy * cos;
        if (radius > 0) u = Math.abs(u) < radius ? radius * Math.asin(u / radius) : 1e9;
        const [mx, my] = [Math.floor(u + code.width / 2), Math.floor(v + code.height / 2)];
        const inside = mx >= -quiet && my >= -quiet && mx < code.width + quiet && my < code.height + quiet;
        const onCode = mx >= 0 && my >= 0 && mx < code.width && my < code.height;
        const hidden = onCode && cover > 0 && mx > code.width * (1 - Math.sqrt(cover)) && my > code.height * (1 - Math.sqrt(cover));
        sum += hidden ? 150 : onCode ? (code.modules[my * code.width + mx] ? dark : light) : inside ? light : 165;
      }
      gray[y * width + x] = sum / 4;
    }
  }
  blur(gray, width, height, sigma);
  const data = new Uint8ClampedArray(width * height * 4);
  let state = seed * 2654435761;
  for (let i = 0; i < gray.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[4 * i] = data[4 * i + 1] = data[4 * i + 2] = gray[i] + noise * (state / 2147483648 - 1);
    data[4 * i + 3] = 255;
  }
  return { data, width, height };
}

function blur(gray, width, height, sigma) {
  if (sigma <= 0) return;
  const reach = Math.ceil(3 * sigma);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)));
  const total = kernel.reduce((a, b) => a + b);
  const pass = (from, to, count, step, lines, jump) => {
    for (let l = 0; l < lines; l++) {
      for (let i = 0; i < count; i++) {
        let sum = 0;
        for (let k = -reach; k <= reach; k++) sum += kernel[k + reach] * from[l * jump + Math.min(count - 1, Math.max(0, i + k)) * step];
        to[l * jump + i * step] = sum / total;
      }
    }
  };
  const half = new Float32Array(gray.length);
  pass(gray, half, width, 1, height, width);
  pass(half, gray, height, width, width, 1);
}

/** Binary PGM of a frame, for looking at it. */
export function pgm({ data, width, height }) {
  const head = Buffer.from(`P5\n${width} ${height}\n255\n`);
  return Buffer.concat([head, Buffer.from(Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]))]);
}
