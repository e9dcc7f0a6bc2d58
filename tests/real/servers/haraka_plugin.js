// Haraka's plugin of the tests: it knows the recipients, and puts what it is given into their Maildirs.

'use strict';

const { Writable } = require('node:stream');

const mailboxes = require(process.env.MAILBOXES_MODULE);

const settings = mailboxes.read(process.env.MAILBOXES);

exports.hook_rcpt = (next, connection, [recipient]) => {
  if (settings.recipients.has(`${recipient.user}@${recipient.host}`)) return next(OK);
  return next(DENY, 'no such user');
};

exports.hook_queue = (next, connection) => {
  const pieces = [];
  const sink = new Writable({
    write(piece, encoding, done) {
      pieces.push(piece);
      done();
    },
  });
  sink.once('finish', () => {
    for (const recipient of connection.transaction.rcpt_to) {
      mailboxes.deliver(settings.folder, `${recipient.user}@${recipient.host}`, Buffer.concat(pieces));
    }
    next(OK, 'kept');
  });
  connection.transaction.message_stream.pipe(sink);
};
