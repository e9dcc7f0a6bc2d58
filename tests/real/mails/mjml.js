// Mails as their authors write them in MJML: from a theme to a source.
import { image } from './themes.js'

const head = (t, more = '') => `<mj-head>
  <mj-title>A mail of ours</mj-title>
  <mj-preview>This line is shown beside the subject, and nowhere else</mj-preview>
  <mj-attributes>
    <mj-all font-family="${t.font}" />
    <mj-text color="${t.ink}" font-size="15px" line-height="1.5" />
    <mj-section background-color="${t.card}" padding="${t.pad} 0" />
    <mj-button background-color="${t.accent}" color="${t.on}" border-radius="${t.radius}" inner-padding="12px 28px" />
    <mj-class name="quiet" color="${t.soft}" font-size="12px" />
  </mj-attributes>
  <mj-style>${t.css}</mj-style>
  ${more}
</mj-head>`
const mail = (t, body, more) => `<mjml>${head(t, more)}<mj-body background-color="${t.page}" css-class="body">${body}</mj-body></mjml>`
const text = (words, attributes = '') => `<mj-section css-class="card"><mj-column><mj-text ${attributes}>${words}</mj-text></mj-column></mj-section>`
const brand = (t) => `<mj-section background-color="${t.accent}"><mj-column><mj-text color="${t.on}" font-size="22px" align="center" css-class="tight">Northwind</mj-text></mj-column></mj-section>`
const foot = (t) => `<mj-section background-color="${t.page}"><mj-column><mj-text mj-class="quiet" align="center">Northwind, 12 Harbour Street<br />
  <a href="https://example.com/unsubscribe?u=1&amp;region=eu" style="color: ${t.soft}">Unsubscribe</a></mj-text></mj-column></mj-section>`
const row = (cells) => `<tr style="border-bottom: 1px solid #cbd2d9">${cells.map((c, i) => `<td style="padding: 8px 4px; text-align: ${i ? 'right' : 'left'}">${c}</td>`).join('')}</tr>`

export const mails = {
  alert: (t) => mail(t, `${brand(t)}<mj-section background-color="#b91c1c" padding="8px"><mj-column><mj-text color="#fff" align="center" font-weight="700">CRITICAL · web-1</mj-text></mj-column></mj-section>
    ${text('<h2 style="margin: 0">Five failed logins</h2><p>From <code style="background: #eee; color: #111; padding: 2px 4px">203.0.113.7</code> in one minute.</p>')}
    <mj-section css-class="card"><mj-column><mj-button href="https://example.com/case/7?a=1&amp;b=2">Open the case</mj-button></mj-column></mj-section>${foot(t)}`),
  receipt: (t) => mail(t, `${brand(t)}<mj-section><mj-column><mj-table color="${t.ink}">${row(['Tea', '2', '€ 9.80'])}${row(['Cups', '4', '€ 36.00'])}
    <tr><th colspan="2" style="text-align: left; padding-top: 12px">Sum</th><th style="text-align: right; padding-top: 12px">€ 45.80</th></tr></mj-table></mj-column></mj-section>${foot(t)}`),
  newsletter: (t) => mail(t, `${brand(t)}${['Harbour', 'Lighthouse', 'Ferry'].map((name, i) => `<mj-section direction="${i % 2 ? 'rtl' : 'ltr'}">
    <mj-column width="40%"><mj-image src="${image(220, 140, name)}" alt="${name}" border-radius="${t.radius}" /></mj-column>
    <mj-column width="60%"><mj-text><h3 style="margin: 0 0 6px; color: ${t.accent}">${name}</h3>Quiet mornings, a slow crossing, and what the keeper of the light had to say about it all.</mj-text></mj-column></mj-section>`).join('')}${foot(t)}`),
  reset: (t) => mail(t, `${text('<h1 style="font-size: 26px; margin: 0">Reset your password</h1><p>Somebody asked for it. If that was not you, nothing has to be done.</p>', 'align="center"')}
    <mj-section><mj-column><mj-button href="https://example.com/reset?token=abc&amp;timestamp=5" width="260px">Choose a new one</mj-button><mj-text mj-class="quiet" align="center">Valid for 30 minutes</mj-text></mj-column></mj-section>`),
  welcome: (t) => mail(t, `<mj-hero mode="fixed-height" height="260px" background-width="600px" background-height="260px" background-url="${image(600, 260)}" background-color="${t.accent}" padding="80px 0">
    <mj-text color="${t.on}" align="center" font-size="34px" font-weight="700">Welcome aboard</mj-text><mj-button href="https://example.com/start" background-color="${t.card}" color="${t.ink}">Begin</mj-button></mj-hero>${text('Three things to do first: say who you are, add an account, send a mail.')}${foot(t)}`),
  columns: (t) => mail(t, `<mj-section>${[1, 2, 3].map((n) => `<mj-column css-class="${n === 3 ? 'small-hide' : ''}" border="1px solid ${t.accent}" inner-border="4px solid ${t.card}" padding="6px"><mj-text align="center"><b>${n}</b></mj-text><mj-divider border-color="${t.accent}" border-width="1px" /><mj-text>One of three, which stand below each other on a telephone.</mj-text></mj-column>`).join('')}</mj-section>`),
  group: (t) => mail(t, `<mj-section><mj-group>${['Mon', 'Tue', 'Wed', 'Thu'].map((d, i) => `<mj-column width="25%"><mj-text align="center" font-size="13px">${d}<br /><span style="font-size: 22px; color: ${t.accent}">${12 + i}°</span></mj-text></mj-column>`).join('')}</mj-group></mj-section>${foot(t)}`),
  social: (t) => mail(t, `${text('Follow us')}<mj-section><mj-column><mj-social mode="horizontal" icon-size="28px" color="${t.ink}"><mj-social-element name="github" href="https://example.com/g">Code</mj-social-element><mj-social-element name="linkedin" href="https://example.com/l">People</mj-social-element><mj-social-element name="web" href="https://example.com">Site</mj-social-element></mj-social></mj-column></mj-section>`),
  navbar: (t) => mail(t, `<mj-section background-color="${t.accent}"><mj-column><mj-navbar hamburger="hamburger" ico-color="${t.on}">${['Home', 'News', 'Help'].map((w) => `<mj-navbar-link href="https://example.com/${w}" color="${t.on}">${w}</mj-navbar-link>`).join('')}</mj-navbar></mj-column></mj-section>${text('The menu is a row here and a button there.')}`),
  accordion: (t) => mail(t, `<mj-section><mj-column><mj-accordion border="1px solid ${t.soft}">${['What is it?', 'Who pays?', 'When?'].map((q) => `<mj-accordion-element icon-position="right"><mj-accordion-title background-color="${t.page}" color="${t.ink}">${q}</mj-accordion-title><mj-accordion-text color="${t.soft}">An answer that is hidden at first, where that can be done.</mj-accordion-text></mj-accordion-element>`).join('')}</mj-accordion></mj-column></mj-section>`),
  carousel: (t) => mail(t, `<mj-section><mj-column><mj-carousel tb-border-radius="${t.radius}">${['a', 'b', 'c'].map((n) => `<mj-carousel-image src="${image(560, 240, n)}" alt="View ${n}" />`).join('')}</mj-carousel></mj-column></mj-section>${foot(t)}`),
  wrapper: (t) => mail(t, `<mj-wrapper border="2px solid ${t.accent}" padding="20px" background-color="${t.page}">${text('Inside of a frame')}${text('And a second one in the same frame', 'align="right"')}</mj-wrapper>${foot(t)}`),
  background: (t) => mail(t, `<mj-section background-url="${image(600, 300)}" background-color="${t.accent}" background-size="cover" background-repeat="no-repeat" full-width="full-width"><mj-column><mj-text color="${t.on}" font-size="28px" align="center">On a picture that may not be loaded</mj-text></mj-column></mj-section>${text('Below it')}`),
  gradient: (t) => mail(t, `<mj-section css-class="glow banner"><mj-column><mj-text align="center" font-size="24px">A gradient, not a picture</mj-text></mj-column></mj-section>${foot(t)}`,
    `<mj-style>.banner, .banner table { background: linear-gradient(90deg, ${t.accent}, ${t.page}) !important; color: ${t.ink} }</mj-style>`),
  inlined: (t) => mail(t, `${text('<p class="lead">Written by a class, sent as a style.</p><ul class="list"><li>one</li><li>two</li></ul>')}`,
    `<mj-style inline="inline">.lead { font-size: 20px; color: ${t.accent} } .list li { margin-bottom: 8px; text-transform: uppercase }</mj-style>`),
  arabic: (t) => mail(t, `<mj-section direction="rtl"><mj-column><mj-text align="right"><div dir="rtl" lang="ar"><h2 style="margin:0">تنبيه أمني</h2><p>تم رصد محاولة دخول غير معتادة إلى حسابك.</p></div></mj-text><mj-button href="https://example.com/ar" align="right">عرض</mj-button></mj-column></mj-section>`),
  japanese: (t) => mail(t, `${text('<h2 lang="ja" style="margin:0">お知らせ</h2><p style="word-break: keep-all; line-break: strict">サーバーの証明書は三十日後に失効します。</p><p lang="zh">證書將於三十天後到期。</p><p lang="ko">인증서가 30일 후 만료됩니다.</p>')}${foot(t)}`),
  digest: (t) => mail(t, `${brand(t)}${[1, 2, 3, 4, 5, 6].map((n) => `<mj-section padding="6px 0"><mj-column width="15%" vertical-align="middle"><mj-text align="center" font-size="20px" color="${t.accent}">${n}</mj-text></mj-column><mj-column width="85%"><mj-text><a href="https://example.com/${n}" style="color: ${t.ink}; text-decoration: none"><strong>Case ${4710 + n}</strong></a><br /><span style="color: ${t.soft}">closed after ${n} hours</span></mj-text></mj-column></mj-section>`).join('')}${foot(t)}`),
  spacing: (t) => mail(t, `<mj-section><mj-column padding-left="10%" padding-right="10%"><mj-spacer height="40px" /><mj-text css-class="wide" letter-spacing="2px" text-transform="uppercase" height="60px">Air</mj-text><mj-spacer height="80px" /><mj-divider border-style="dashed" width="50%" /></mj-column></mj-section>`),
  raw: (t) => mail(t, `<mj-raw><!-- a note --><!--[if mso]><table><tr><td>Only Outlook reads this</td></tr></table><![endif]--></mj-raw>${text('Between remarks')}<mj-raw><div style="mso-hide: all; max-height: 0; overflow: hidden; font-size: 1px; color: ${t.card}">hidden tail</div></mj-raw>`),
  ticket: (t) => mail(t, `<mj-section border-radius="${t.radius}" border="1px dashed ${t.soft}"><mj-column width="70%"><mj-text font-size="12px" color="${t.soft}">ADMIT ONE</mj-text><mj-text font-size="24px">An evening of quiet</mj-text><mj-text><time datetime="2026-03-01T20:00">1 March, 20:00</time><br />Room 1</mj-text></mj-column><mj-column width="30%" background-color="${t.accent}" vertical-align="middle"><mj-text align="center" color="${t.on}" font-size="30px" font-family="monospace">A7</mj-text></mj-column></mj-section>`),
  pricing: (t) => mail(t, `<mj-section>${[['Small', 9], ['Middle', 19], ['Large', 49]].map(([w, p], i) => `<mj-column background-color="${i === 1 ? t.accent : t.page}" border-radius="${t.radius}" padding="10px"><mj-text align="center" color="${i === 1 ? t.on : t.ink}">${w}<br /><span style="font-size: 32px; font-weight: bold">${p}</span><sup>€</sup></mj-text><mj-button href="https://example.com/buy/${w}" background-color="${t.card}" color="${t.ink}">Take it</mj-button></mj-column>`).join('')}</mj-section>`),
  quote: (t) => mail(t, `${text(`<blockquote style="margin: 0; padding-left: 16px; border-left: 4px solid ${t.accent}; font-style: italic">What arrives is what was meant.<br /><small style="font-style: normal; color: ${t.soft}">a wish</small></blockquote><pre style="background: ${t.page}; padding: 10px; overflow: auto">$ send --to bob\n  Email sent</pre><ol start="4"><li>four<ol type="a"><li>a</li></ol></li><li>five</li></ol>`)}`),
  fonts: (t) => mail(t, `${text('<span style="font-family: Lora, Georgia, serif; font-size: 24px">A font that may be missing</span>')}${foot(t)}`,
    '<mj-font name="Lora" href="https://fonts.example.com/css?family=Lora" /><mj-breakpoint width="400px" />'),
}
