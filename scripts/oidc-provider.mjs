// An OpenID provider for tests: oidc-provider with login pages of its own and made-up people.
// Usage: node oidc-provider.mjs SETUP.json   prints "listening on ISSUER"
// SETUP.json: { port, clients: [{ id, secret, address }], accounts: [{ login, password, name, groups, acr, amr }] }
import { exportJWK, generateKeyPair } from 'jose';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import Provider from 'oidc-provider';

const setup = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const issuer = `http://127.0.0.1:${setup.port}`;
const accounts = new Map(setup.accounts.map((a) => [a.login, a]));
/** The subject of an account: stable, and not its login. @param {string} login */
const subject = (login) => `subject-${login}`;
const bySubject = new Map(setup.accounts.map((a) => [subject(a.login), a]));

async function keys() {
  const out = [];
  for (const [alg, kid] of [['RS256', 'first'], ['ES256', 'second']]) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    out.push({ ...(await exportJWK(privateKey)), alg, kid, use: 'sig' });
  }
  return out;
}

const provider = new Provider(issuer, {
  clients: setup.clients.map((c) => ({
    client_id: c.id,
    client_secret: c.secret,
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: [`${c.address}/sign-in/hospital/back`],
    post_logout_redirect_uris: [],
    backchannel_logout_uri: `${c.address}/sign-in/hospital/logout`,
    backchannel_logout_session_required: true,
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: c.alg ?? 'RS256',
    require_auth_time: true,
  })),
  jwks: { keys: await keys() },
  cookies: { keys: ['only-for-tests'] },
  conformIdTokenClaims: setup.userinfo ?? false, // true: profile claims at userinfo alone
  claims: { openid: ['sub', 'groups', 'amr'], profile: ['name', 'preferred_username'], acr: null, auth_time: null, sid: null, iss: null },
  acrValues: [...new Set(setup.accounts.map((a) => a.acr).filter(Boolean))],
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }), // the service is on this machine
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 3600, IdToken: 600, Interaction: 600, Session: 3600 },
  async findAccount(_ctx, sub) {
    const a = bySubject.get(sub);
    return a && { accountId: sub, claims: async () => ({ sub, name: a.name, preferred_username: a.login, groups: a.groups }) };
  },
  async loadExistingGrant(ctx) { // the hospital's own service: nobody is asked for consent
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid profile');
    await grant.save();
    return grant;
  },
});

const page = (title, body) => `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1>${body}</html>`;
const loginPage = (uid, wrong) => page('Hospital sign-in', `${wrong ? '<p>Wrong.</p>' : ''}<form method="post" action="/interaction/${uid}">
<label>Login <input id="login" name="login"></label> <label>Password <input id="password" name="password" type="password"></label>
<button id="go">Continue</button></form>`);

/** @param {http.IncomingMessage} req */
async function form(req) {
  let text = '';
  for await (const part of req) text += part;
  return new URLSearchParams(text);
}

async function interaction(req, res) {
  const details = await provider.interactionDetails(req, res);
  if (req.method === 'POST') {
    const sent = await form(req);
    const account = accounts.get(sent.get('login'));
    if (account && account.password === sent.get('password')) {
      const login = { accountId: subject(account.login), acr: account.acr, amr: account.amr, remember: true };
      return provider.interactionFinished(req, res, { login }, { mergeWithLastSubmission: false });
    }
  }
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.end(loginPage(details.uid, req.method === 'POST'));
}

const callback = provider.callback();
const server = http.createServer((req, res) => {
  if (!req.url.startsWith('/interaction/')) return callback(req, res);
  interaction(req, res).catch((err) => {
    res.statusCode = 400;
    res.end(String(err.message));
  });
});
provider.on('server_error', (_ctx, err) => console.error(err));
provider.on('backchannel.error', (_ctx, err) => console.error('backchannel', err.message, err.cause?.message ?? ''));
server.listen(setup.port, '127.0.0.1', () => console.log(`listening on ${issuer}`));
