// What the servers of npm do with mail in the tests: {folder, recipients} have a Maildir each, everybody else is unknown.

'use strict';

const fs = require('node:fs');
const path = require('node:path');

let written = 0;

exports.read = (file) => {
  const settings = JSON.parse(fs.readFileSync(file, 'utf8'));
  return { ...settings, recipients: new Set(settings.recipients) };
};

// Line ends become LF, as in every Maildir.
exports.deliver = (folder, address, content) => {
  const name = `${process.pid}.${(written += 1)}`;
  for (const part of ['tmp', 'new']) fs.mkdirSync(path.join(folder, address, part), { recursive: true });
  const unfinished = path.join(folder, address, 'tmp', name);
  fs.writeFileSync(unfinished, content.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
  fs.renameSync(unfinished, path.join(folder, address, 'new', name));
};
