// Compiles all mails into a folder: `node compile.js FOLDER`. One file a mail, named by its maker.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import mjml from 'mjml'
import { render } from '@react-email/render'
import { themes } from './themes.js'
import { mails as ofMjml } from './mjml.js'
import { mails as ofReact } from './react.js'

const require = createRequire(import.meta.url)
const { Inky } = require('inky')
const folder = process.argv[2]
mkdirSync(folder, { recursive: true })
const write = (name, html) => writeFileSync(join(folder, `${name}.html`), html)

for (const theme of themes) {
  for (const [name, source] of Object.entries(ofMjml)) {
    const { html, errors } = await mjml(source(theme), { validationLevel: 'soft' })
    if (errors.length) throw new Error(`${name}: ${errors.map((e) => e.formattedMessage).join('; ')}`)
    write(`mjml-${name}-${theme.name}`, html)
  }
  for (const [name, element] of Object.entries(ofReact)) write(`react-${name}-${theme.name}`, await render(element(theme)))
}
const foundation = join(require.resolve('foundation-emails/package.json'), '..')
const css = readFileSync(join(foundation, 'dist', 'foundation-emails.css'), 'utf8')
for (const file of readdirSync(join(foundation, 'templates')).filter((name) => name.endsWith('.html'))) {
  const body = new Inky({}).releaseTheKraken(readFileSync(join(foundation, 'templates', file), 'utf8'))
  write(`foundation-${file.replace('.html', '')}`, `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<meta name="viewport" content="width=device-width" /><style>${css}</style></head><body>
<span class="preheader"></span><table class="body"><tr><td class="center" align="center" valign="top"><center>${body}</center></td></tr></table></body></html>`)
}
