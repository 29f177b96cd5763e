// A mail server of the tests (npm smtp-server). A recipient named refused@ or later@ gets 550 or 451.
// Usage: node mail-server.mjs PORT WEBPORT MODE [CERT KEY]
// MODE: plain (no TLS), starttls, implicit. GET http://127.0.0.1:WEBPORT/ tells what came.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { SMTPServer } from 'smtp-server';

const [port, web, mode, cert, key] = process.argv.slice(2);
const received = [];

/** @param {number} code @param {string} text */
const no = (code, text) => Object.assign(new Error(text), { responseCode: code });

const server = new SMTPServer({
  secure: mode === 'implicit',
  hideSTARTTLS: mode === 'plain',
  ...(cert ? { cert: readFileSync(cert), key: readFileSync(key) } : {}),
  authOptional: true,
  onAuth(auth, session, done) {
    if (auth.username === 'vault' && auth.password === 'a password of the tests') return done(null, { user: 'vault' });
    return done(no(535, 'wrong user or password'));
  },
  onRcptTo(address, session, done) {
    if (address.address.startsWith('refused@')) return done(no(550, `no such user ${address.address}`));
    if (address.address.startsWith('later@')) return done(no(451, `try again ${address.address}`));
    return done();
  },
  onData(stream, session, done) {
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    stream.on('end', () => {
      received.push({
        from: session.envelope.mailFrom && session.envelope.mailFrom.address, to: session.envelope.rcptTo.map((r) => r.address),
        secure: session.secure, user: session.user || '', text: Buffer.concat(parts).toString('latin1'),
      });
      done();
    });
  },
});
server.on('error', () => {}); // a client that breaks off its TLS is no reason to end
server.listen(Number(port), '127.0.0.1');

http.createServer((req, res) => {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(received));
}).listen(Number(web), '127.0.0.1', () => console.log(`listening on ${port}`));
