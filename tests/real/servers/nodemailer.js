// nodemailer's smtp-server. Its only argument is a JSON file: {port, folder, recipients}.

'use strict';

const { SMTPServer } = require('smtp-server');

const mailboxes = require(process.env.MAILBOXES_MODULE);

const settings = mailboxes.read(process.argv[2]);

const server = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  disableReverseLookup: true,
  onRcptTo({ address }, session, done) {
    done(settings.recipients.has(address) ? null : Object.assign(new Error('no such user'), { responseCode: 550 }));
  },
  onData(stream, session, done) {
    const pieces = [];
    stream.on('data', (piece) => pieces.push(piece));
    stream.on('end', () => {
      for (const { address } of session.envelope.rcptTo) {
        mailboxes.deliver(settings.folder, address, Buffer.concat(pieces));
      }
      done();
    });
  },
});

server.listen(settings.port, '127.0.0.1');
