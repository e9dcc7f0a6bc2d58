// Reads mails and invitations as others do: `node read.js FILE...` prints a JSON list, one object a file.
// A mail (.eml) is read by mailparser and by postal-mime, an invitation (.ics) by ical.js.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import ICAL from 'ical.js'
import { simpleParser } from 'mailparser'
import PostalMime from 'postal-mime'

const sha256 = (octets) => createHash('sha256').update(Buffer.from(octets)).digest('hex')
const people = (list) => (list || []).map((one) => [one.name || '', one.address])

async function byMailparser(octets) {
  const mail = await simpleParser(octets, { skipImageLinks: true, skipTextLinks: true, skipTextToHtml: true })
  return {
    subject: mail.subject || '', from: people(mail.from?.value), to: people(mail.to?.value), cc: people(mail.cc?.value),
    reply_to: people(mail.replyTo?.value), message_id: mail.messageId, in_reply_to: mail.inReplyTo || '',
    references: [mail.references || []].flat(), priority: mail.priority || '',
    text: mail.text || '', html: mail.html || '',
    files: mail.attachments.map((file) => [file.filename || '', file.contentType, file.cid || '', sha256(file.content)]),
  }
}

async function byPostalMime(octets) {
  const mail = await PostalMime.parse(octets)
  return {
    subject: mail.subject || '', from: people(mail.from ? [mail.from] : []), to: people(mail.to), cc: people(mail.cc),
    reply_to: people(mail.replyTo), message_id: mail.messageId, in_reply_to: mail.inReplyTo || '',
    references: (mail.references || '').split(/\s+/).filter(Boolean),
    text: mail.text || '', html: mail.html || '',
    files: mail.attachments.map((file) => [
      file.filename || '', file.mimeType, (file.contentId || '').replace(/^<|>$/g, ''), sha256(file.content),
    ]),
  }
}

function byIcal(octets) {
  const calendar = new ICAL.Component(ICAL.parse(octets.toString('utf8')))
  const component = calendar.getFirstSubcomponent('vevent')
  const event = new ICAL.Event(component)
  return {
    method: calendar.getFirstPropertyValue('method'), version: calendar.getFirstPropertyValue('version'),
    uid: event.uid, summary: event.summary, location: event.location, description: event.description,
    sequence: event.sequence, organizer: event.organizer, status: component.getFirstPropertyValue('status'),
    start: event.startDate.toJSDate().toISOString(), end: event.endDate.toJSDate().toISOString(),
    attendees: event.attendees.map((one) => [one.getParameter('cn') || '', one.getFirstValue(), one.getParameter('role')]),
    alarms: component.getAllSubcomponents('valarm').map((one) => one.getFirstPropertyValue('trigger').toString()),
  }
}

const found = []
for (const file of process.argv.slice(2)) {
  const octets = readFileSync(file)
  found.push(file.endsWith('.ics')
    ? byIcal(octets)
    : { mailparser: await byMailparser(octets), postal_mime: await byPostalMime(octets) })
}
console.log(JSON.stringify(found))
