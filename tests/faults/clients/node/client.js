// nodemailer, with its pool of one connection, as its documents show it. Each line of standard input is a mail
// {from, to, data}, the first one the settings {port, tls, ca, timeout, user, password}; each gets a line of answer.

'use strict';

const { readFileSync } = require('node:fs');
const readline = require('node:readline');
const nodemailer = require('nodemailer');

let transport;

function connect({ port, tls, ca, timeout, user, password }) {
  transport = nodemailer.createTransport({
    host: '127.0.0.1',
    port,
    name: 'client.test',
    secure: tls === 'ssl',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'plain',
    tls: { ca: readFileSync(ca) },
    auth: user ? { user, pass: password } : undefined,
    pool: true,
    maxConnections: 1,
    connectionTimeout: timeout * 1000,
    greetingTimeout: timeout * 1000,
    socketTimeout: timeout * 1000,
  });
}

async function send({ from, to, data }) {
  try {
    const info = await transport.sendMail({ envelope: { from, to }, raw: Buffer.from(data, 'base64') });
    return { sent: true, refused: info.rejected };
  } catch (error) {
    return { sent: false, refused: error.rejected ?? [], said: String(error.message) };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const given = JSON.parse(line);
    if (transport) console.log(JSON.stringify(await send(given)));
    else connect(given);
  }
  transport.close();
})();
