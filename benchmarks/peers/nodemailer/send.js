// Reads a job from standard input, sends its mails over a pool of so many connections, prints the seconds that took.
import { readFileSync } from 'node:fs'
import { createTransport } from 'nodemailer'

const job = JSON.parse(readFileSync(0, 'utf8'))
const transport = createTransport({
  host: '127.0.0.1',
  port: job.port,
  secure: false,
  ignoreTLS: true,
  pool: true,
  maxConnections: job.connections,
  maxMessages: Infinity,
})
const started = performance.now()
await Promise.all(job.mails.map((mail) => transport.sendMail(mail)))
transport.close()
console.log((performance.now() - started) / 1000)
