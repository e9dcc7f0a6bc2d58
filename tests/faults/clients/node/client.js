// nodemailer, with its pool of one connection, as its documents show it; what is said to it is in
// tests/faults/programs.py.

'use strict';

const { readFileSync } = require('node:fs');
const readline = require('node:readline');
const nodemailer = require('nodemailer');

let transport;

function connect([port, tls, authority, seconds, user, password]) {
  const timeout = Number(seconds) * 1000;
  transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port: Number(port),
    name: 'client.test',
    secure: tls === 'ssl',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'plain',
    tls: { ca: readFileSync(authority) },
    auth: user ? { user, pass: password } : undefined,
    pool: true,
    maxConnections: 1,
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
  });
}

async function send([from, data, ...to]) {
  try {
    const info = await transport.sendMail({ envelope: { from, to }, raw: Buffer.from(data, 'base64') });
    return ['sent', ...info.rejected];
  } catch (error) {
    return ['failed', ...(error.rejected ?? [])];
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const given = line.split('\t');
    if (transport) console.log((await send(given)).join('\t'));
    else connect(given);
  }
  transport.close();
})();
