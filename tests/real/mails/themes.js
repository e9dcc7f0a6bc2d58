// What the mails are dressed in. Every source below is compiled once with each of them.
export const themes = [
  {
    name: 'light', page: '#f4f5f7', card: '#ffffff', ink: '#1f2933', soft: '#52606d', accent: '#0b69a3', on: '#ffffff',
    font: 'Helvetica, Arial, sans-serif', radius: '6px', pad: '24px',
    css: '.tight { letter-spacing: -0.2px } @media (max-width: 480px) { .small-hide { display: none !important } }',
  },
  {
    name: 'dark', page: '#12161c', card: '#1d2430', ink: '#f0f4f8', soft: '#9fb3c8', accent: '#f0b429', on: '#1d1400',
    font: "'Segoe UI', Tahoma, sans-serif", radius: '0', pad: '16px',
    css: ':root { color-scheme: light dark } @media (prefers-color-scheme: dark) { .card { background-color: #1d2430 !important } } '
      + '[data-ogsc] .card { color: #f0f4f8 } u + .body .card { font-size: 14px }',
  },
  {
    name: 'rich', page: '#fff7ed', card: '#fffdf8', ink: '#3b1f0b', soft: '#8a5a33', accent: '#c2410c', on: '#fffaf0',
    font: "Georgia, 'Times New Roman', serif", radius: '18px', pad: '32px',
    css: "@import url('https://fonts.example.com/css?family=Lora'); "
      + "@font-face { font-family: Lora; src: url('https://fonts.example.com/lora.woff2') format('woff2') } "
      + '.glow { background: linear-gradient(120deg, #fed7aa, #fff7ed 60%) } '
      + '.card { background: #fffdf8 url(https://images.example.com/paper.png) repeat; box-shadow: 0 2px 8px rgba(60, 30, 10, .2) } '
      + '@media only screen and (min-width: 481px) { .wide { padding-left: 40px !important } } '
      + '@keyframes pulse { from { opacity: .9 } to { opacity: 1 } } @supports (display: grid) { .grid { gap: 8px } }',
  },
]

export const image = (width, height, word = 'image') => `https://images.example.com/${width}x${height}/${word}.png`
