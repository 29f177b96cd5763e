// Sends HL7 v2 messages over MLLP with a client that is not of this house, and prints each event with its answer.
// node hl7-sender.mjs PORT TIMESTAMP
import { Client, Message } from 'node-hl7-client';

const [port, stamp] = process.argv.slice(2);
const client = new Client({ host: '127.0.0.1' });

/** @param {string} event @param {string} control @param {string[]} rest */
const message = (event, control, rest) => new Message({
  text: [`MSH|^~\\&|NODE|HOSP|VAULT|HOSP|${stamp}||ADT^${event}|${control}|P|2.5.1||||||UNICODE UTF-8`, `EVN|${event}|${stamp}`, ...rest].join('\r'),
});

const visit = `PV1|1|I|3B^1^1|||||||DER|||||||||HV-1`;
const all = [
  ['A01', message('A01', 'N1', ['PID|1||HL7-1^^^HOSP^MR||Sender^Agnes||19500101', visit])],
  ['A08', message('A08', 'N2', ['PID|1||HL7-1^^^HOSP^MR||Sender^Ägnes||19500101', visit])],
  ['A40', message('A40', 'N3', ['PID|1||HL7-1^^^HOSP^MR||Sender^Ägnes||19500101', 'MRG|HL7-OLD^^^HOSP^MR'])],
  ['A01', message('A01', 'N4', ['PID|1||HL7-2^^^HOSP^MR||Sender^Bad||yesterday', visit])],
];

let answered = () => {};
const connection = client.createConnection({ port: Number(port) }, async (res) => {
  const back = res.getMessage();
  answered(back.get('MSA.1').toString());
});
for (const [event, one] of all) {
  const answer = new Promise((resolve) => { answered = resolve; });
  await connection.sendMessage(one);
  console.log(`${event}:${await answer}`);
}
await connection.close();
process.exit(0);
