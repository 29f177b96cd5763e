// A push service (RFC 8030) of the tests, which checks by itself, with jose, who sends (RFC 8292).
// POST /STATUS/anything is answered with that status; GET /received tells what came.
// Usage: node push-service.mjs PORT   prints "listening on http://127.0.0.1:PORT"
import { importJWK, jwtVerify } from 'jose';
import http from 'node:http';

const port = Number(process.argv[2]);
const origin = `http://127.0.0.1:${port}`;
const received = [];

/** @param {string} header */
async function verify(header) {
  const told = /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(header);
  if (!told) throw new Error('not a vapid header');
  const point = Buffer.from(told[2], 'base64url');
  if (point.length !== 65 || point[0] !== 4) throw new Error('not an uncompressed point');
  const key = await importJWK({
    kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url'),
  }, 'ES256');
  const { payload, protectedHeader } = await jwtVerify(told[1], key, { audience: origin, algorithms: ['ES256'] });
  if (typeof payload.exp !== 'number' || payload.exp > Date.now() / 1000 + 24 * 3600) throw new Error('lives too long');
  return { claims: payload, header: protectedHeader, key: told[2] };
}

http.createServer(async (req, res) => {
  if (req.method === 'GET') {
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify(received));
    return;
  }
  let size = 0;
  for await (const part of req) size += part.length;
  const entry = { method: req.method, path: req.url, headers: req.rawHeaders, size, vapid: null, error: '' };
  try {
    entry.vapid = await verify(req.headers.authorization ?? '');
  } catch (err) {
    entry.error = String(err);
  }
  received.push(entry);
  const status = Number((req.url ?? '').split('/')[1]) || 201;
  if (status >= 300 && status < 400) res.setHeader('Location', `${origin}/201/redirected`);
  res.writeHead(entry.error ? 403 : status);
  res.end();
}).listen(port, '127.0.0.1', () => console.log(`listening on ${origin}`));
