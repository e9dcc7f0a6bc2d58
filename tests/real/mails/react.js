// Mails as their authors write them with React Email: from a theme to an element.
import { createElement as h } from 'react'
import {
  Body, Button, CodeBlock, CodeInline, Column, Container, Font, Head, Heading, Hr, Html, Img, Link, Markdown, Preview,
  Row, Section, Tailwind, Text, dracula,
} from '@react-email/components'
import { image } from './themes.js'

const page = (t, ...children) => h(Html, { lang: 'en', dir: 'ltr' },
  h(Head, null, h('style', { dangerouslySetInnerHTML: { __html: t.css } }), h('meta', { name: 'color-scheme', content: 'light dark' })),
  h(Preview, null, 'This line is shown beside the subject, and nowhere else'),
  h(Body, { className: 'body', style: { backgroundColor: t.page, color: t.ink, fontFamily: t.font, margin: '0 auto' } },
    h(Container, { className: 'card', style: { backgroundColor: t.card, borderRadius: t.radius, padding: t.pad, maxWidth: '600px' } }, ...children)))
const title = (t, words) => h(Heading, { as: 'h1', style: { color: t.accent, fontSize: '26px', margin: '0 0 12px' } }, words)
const line = (t, words, style) => h(Text, { style: { color: t.ink, fontSize: '15px', lineHeight: '24px', ...style } }, words)
const press = (t, words) => h(Button, { href: 'https://example.com/go?a=1&region=eu', style: { backgroundColor: t.accent, color: t.on, padding: '12px 24px', borderRadius: t.radius } }, words)
const foot = (t) => h(Section, null, h(Hr, { style: { borderColor: t.soft } }), h(Text, { style: { color: t.soft, fontSize: '12px' } }, 'Northwind · ', h(Link, { href: 'https://example.com/out', style: { color: t.soft } }, 'Unsubscribe')))

export const mails = {
  code: (t) => page(t, title(t, 'Your code'), h(CodeInline, { style: { fontSize: '28px', letterSpacing: '6px' } }, '481 516'), line(t, 'It is good for ten minutes.'), foot(t)),
  magic: (t) => page(t, title(t, 'Sign in'), line(t, 'Press, and you are in.'), press(t, 'Sign in'), line(t, 'Or copy: https://example.com/in?token=a&timestamp=5', { wordBreak: 'break-all' }), foot(t)),
  invite: (t) => page(t, h(Section, { style: { textAlign: 'center' } }, h(Row, null, h(Column, { align: 'right' }, h(Img, { src: image(64, 64), width: 64, height: 64, alt: 'Ann', style: { borderRadius: '50%' } })), h(Column, { align: 'center' }, '→'), h(Column, { align: 'left' }, h(Img, { src: image(64, 65), width: 64, height: 64, alt: 'Team' })))), line(t, 'Ann asks you to join.'), press(t, 'Join')),
  order: (t) => page(t, title(t, 'Your order'), ...['Tea', 'Cups', 'Spoons'].map((name, i) => h(Row, { key: name, style: { borderBottom: `1px solid ${t.soft}` } }, h(Column, { style: { width: '64px', padding: '8px 0' } }, h(Img, { src: image(48, 48, name), width: 48, height: 48, alt: name })), h(Column, null, name), h(Column, { align: 'right' }, `€ ${(i + 1) * 9}`))), foot(t)),
  release: (t) => page(t, title(t, 'What is new'), h(Markdown, { markdownCustomStyles: { h2: { color: t.accent }, codeInline: { background: '#eee', color: '#111' } } }, '## Version 2\n\n- **preview** before a send\n- `send invitation`\n\n1. first\n2. second\n\n> It works.'), foot(t)),
  snippet: (t) => page(t, title(t, 'An example'), h(CodeBlock, { code: 'from smtp_connector import act\nact("send email", asset="prod")', language: 'python', theme: dracula, lineNumbers: true }), foot(t)),
  tailwind: (t) => h(Html, null, h(Tailwind, null, h(Head), h(Preview, null, 'Beside the subject'), h(Body, { className: 'bg-gray-100 font-sans m-0 p-4' }, h(Container, { className: 'bg-white rounded-lg p-6 sm:p-2' }, h(Heading, { className: 'text-2xl font-bold text-slate-800 m-0' }, 'By utility'), h(Text, { className: 'text-slate-600 text-sm leading-6 sm:text-base' }, `In ${t.name}, with classes.`), h(Button, { href: 'https://example.com', className: 'bg-blue-600 text-white px-5 py-3 rounded hover:bg-blue-700' }, 'Go'))))),
  survey: (t) => page(t, title(t, 'How was it?'), h(Section, { style: { textAlign: 'center' } }, h(Row, null, ...[1, 2, 3, 4, 5].map((n) => h(Column, { key: n, align: 'center' }, h(Link, { href: `https://example.com/rate?n=${n}`, style: { display: 'inline-block', width: '36px', lineHeight: '36px', border: `1px solid ${t.accent}`, borderRadius: t.radius, color: t.accent } }, n))))), foot(t)),
  stats: (t) => page(t, h(Row, null, ...[['Sent', 1204], ['Refused', 3], ['Unknown', 0]].map(([w, n]) => h(Column, { key: w, style: { backgroundColor: t.page, padding: '14px', textAlign: 'center' } }, h(Text, { style: { fontSize: '30px', margin: 0, color: t.accent } }, n), h(Text, { style: { fontSize: '12px', margin: 0, color: t.soft } }, w)))), line(t, 'The week in three numbers.')),
  banner: (t) => page(t, h(Section, { style: { background: `linear-gradient(135deg, ${t.accent}, ${t.page})`, padding: '48px 24px', borderRadius: t.radius } }, h(Heading, { style: { color: t.on, margin: 0 } }, 'Colours that run')), line(t, 'And a text below.')),
  picture: (t) => page(t, h(Section, { style: { backgroundImage: `url(${image(600, 200)})`, backgroundColor: t.accent, color: t.on, padding: '60px 20px' } }, h(Heading, { style: { margin: 0 } }, 'On a picture')), foot(t)),
  letter: (t) => h(Html, { lang: 'de' }, h(Head, null, h(Font, { fontFamily: 'Lora', fallbackFontFamily: 'Georgia', webFont: { url: 'https://fonts.example.com/lora.woff2', format: 'woff2' } })), h(Body, { style: { color: t.ink, backgroundColor: t.card } }, ...['Sehr geehrte Frau Groß,', 'wir bestätigen den Eingang Ihrer Meldung vom 1. März.', 'Mit freundlichen Grüßen'].map((words) => h(Text, { key: words }, words)))),
}
