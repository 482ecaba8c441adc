// Every mark on the screen, drawn on a 24 grid. No icon font, no external file.

const p = (d) => `<path d="${d}"/>`;
const c = (x, y, r) => `<circle cx="${x}" cy="${y}" r="${r}"/>`;
const WAVE =
  'c1.7 0 1.7-1.3 3.3-1.3s1.7 1.3 3.4 1.3 1.6-1.3 3.3-1.3 1.7 1.3 3.3 1.3 1.7-1.3 3.4-1.3 1.6 1.3 3.3 1.3';

const HAZARDS = {
  flood: p(`M2 20.5${WAVE}M2 15.8${WAVE}M5.5 11V7.2L12 2.6l6.5 4.6V11M10 11V8h4v3`),
  waterlogging: p(
    `M3.5 13.2l1.8-5.1A2 2 0 0 1 7.2 6.8h9.6a2 2 0 0 1 1.9 1.3l1.8 5.1M3.5 13.2h17M7 10.2h.01M17 10.2h.01M2 20.5${WAVE}M4.2 13.2v2.6M19.8 13.2v2.6M9 3.2l-.6 1.3M15.6 3.2L15 4.5M12.3 2.4l-.6 1.3`,
  ),
  landslide:
    p('M2.5 20.8h19L9.3 4.2 2.5 14.6z') +
    p('M14.6 6.6l2.8-1.4 1.8 2.3-1.2 2.5-2.8.1zM18.6 13.4l1.9-.3.9 1.6-1 1.5-1.9-.5z'),
  gas_leak: p(
    'M8.4 21.2h7.2a2 2 0 0 0 2-2v-7a3.6 3.6 0 0 0-3.6-3.6h-4a3.6 3.6 0 0 0-3.6 3.6v7a2 2 0 0 0 2 2zM10 8.6V6h4v2.6M8.6 6h6.8M6.4 13.6h11.2M19.5 5.6c.9-.6.9-1.5.2-2.2M4.5 5.6c-.9-.6-.9-1.5-.2-2.2',
  ),
  fire: p(
    'M12 2.4c.7 3.4 5.6 5.5 5.6 11A5.6 5.6 0 0 1 12 21.4a5.6 5.6 0 0 1-5.6-5.9c0-2.5 1.4-3.7 2.3-5.4.5 1.2 1 1.8 1.9 2.3-.3-3.6-.2-7 1.4-10zM12 21.2c-1.8-.6-2.3-1.8-2.3-3 0-1.5 1.2-2.2 2.3-4 1.1 1.8 2.3 2.5 2.3 4 0 1.2-.5 2.4-2.3 3z',
  ),
  air_pollution: p(
    'M3 8.2h11.4a2.7 2.7 0 1 0-2.6-3.5M3 12.2h16a2.6 2.6 0 1 1-2.5 3.3M3 16.2h8.7a2.5 2.5 0 1 1-2.4 3.2M18.6 6.5h.01M21 8.7h.01M20.9 4.8h.01',
  ),
  traffic:
    p(
      'M8 2.6h8a1.8 1.8 0 0 1 1.8 1.8v15.2a1.8 1.8 0 0 1-1.8 1.8H8a1.8 1.8 0 0 1-1.8-1.8V4.4A1.8 1.8 0 0 1 8 2.6zM17.8 6.2h3l-3 3.6M17.8 12.2h3l-3 3.6M6.2 6.2h-3l3 3.6M6.2 12.2h-3l3 3.6',
    ) +
    c(12, 7, 1.6) +
    c(12, 12, 1.6) +
    c(12, 17, 1.6),
  crowding:
    c(12, 7.6, 3) +
    c(4.9, 9.2, 2.1) +
    c(19.1, 9.2, 2.1) +
    p(
      'M6.6 20.6v-2.4a5.4 5.4 0 0 1 10.8 0v2.4zM1.8 18.6v-1.4a3.3 3.3 0 0 1 3.6-3.2M22.2 18.6v-1.4a3.3 3.3 0 0 0-3.6-3.2',
    ),
  water_supply: p(
    'M3 9.4h6.2V7.6h5.2v1.8h.6a5 5 0 0 1 5 5v.9h-4.2v-.7a1.6 1.6 0 0 0-1.6-1.6H3zM11.8 7.6V4.4M8.6 4.4h6.4M17.9 18c.9 1.2 1.3 1.9 1.3 2.5a1.3 1.3 0 0 1-2.6 0c0-.6.4-1.3 1.3-2.5z',
  ),
  power: p('M13.4 2.4L4.8 13.4h6L9.6 21.6l9.6-12.2h-6.4z'),
  noise: p('M3 9.4h3.6L11.4 5v14l-4.8-4.4H3zM15 9a4.3 4.3 0 0 1 0 6M17.9 6.2a8.3 8.3 0 0 1 0 11.6'),
  other: c(12, 12, 8.6) + p('M12 7.2v6M12 16.6h.01'),
};

const SIGNS = {
  sensor:
    c(12, 12, 2.1) +
    p(
      'M7.8 16.2a6 6 0 0 1 0-8.4M16.2 7.8a6 6 0 0 1 0 8.4M4.8 19.2a10.2 10.2 0 0 1 0-14.4M19.2 4.8a10.2 10.2 0 0 1 0 14.4',
    ),
  report: p('M4 5h16v11.5h-8.5L7 20.5v-4H4zM8 9.2h8M8 12.4h5'),
  rain: p(
    'M6.8 14.5a4.3 4.3 0 0 1-.2-8.6 5.6 5.6 0 0 1 10.7 1.3 3.7 3.7 0 0 1 .3 7.3zM8.6 17.8l-1 2.6M12.6 17.8l-1 2.6M16.6 17.8l-1 2.6',
  ),
  wind: p('M3 9h11.5a2.7 2.7 0 1 0-2.6-3.5M3 13h15.8a2.7 2.7 0 1 1-2.6 3.5'),
  river: p(
    'M2 8c2 0 2-1.6 4-1.6S8 8 10 8s2-1.6 4-1.6S16 8 18 8s2-1.6 4-1.6M2 13c2 0 2-1.6 4-1.6s2 1.6 4 1.6 2-1.6 4-1.6 2 1.6 4 1.6 2-1.6 4-1.6M2 18c2 0 2-1.6 4-1.6s2 1.6 4 1.6 2-1.6 4-1.6 2 1.6 4 1.6 2-1.6 4-1.6',
  ),
  cell: p('M12 3l7.8 4.5v9L12 21l-7.8-4.500v-9z') + c(12, 12, 2.1),
  quiet: c(12, 12, 2.1) + p('M7.8 16.2a6 6 0 0 1 0-8.4M16.2 7.8a6 6 0 0 1 0 8.4M4 20L20 4'),
  check: p('M4.5 12.6l5 5L19.5 7'),
  checks: p('M2 12.8l4.6 4.7L15 8M10.6 16.4l1.1 1.1L22 7'),
  shelve: p('M4 4.5h16v4.8H4zM5.6 9.3v10.2h12.8V9.3M9.6 13h4.8'),
  escalate: p('M4 19l6.2-6.2 3.6 3.6L20.5 8.5M15 8.5h5.5V14'),
  bell: p('M6 16.8V11a6 6 0 0 1 12 0v5.8l1.6 1.7H4.4zM10 20.8h4'),
  belloff: p('M6 16.8V11a6 6 0 0 1 9.8-4.7M18 10v6.8l1.6 1.7H7M10 20.8h4M4 3.5l16.5 17'),
  truck: p('M2.5 6h11v10.5h-11zM13.5 9.5h4l3.5 3.7v3.3h-7.5') + c(7, 18, 2.2) + c(17, 18, 2.2),
  list: p('M8.5 6h12M8.5 12h12M8.5 18h12M4 6h.01M4 12h.01M4 18h.01'),
  map: p('M3 6.4l6-2.4 6 2.4 6-2.4v13.6l-6 2.4-6-2.4-6 2.4zM9 4v13.6M15 6.4V20'),
  pulse: p('M2.5 12.5h4l2.5-7 5 13 2.6-6h4.9'),
  plus: p('M12 5v14M5 12h14'),
  minus: p('M5 12h14'),
  fit: p('M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5'),
  stop: p('M8 5v14M16 5v14'),
  clock: c(12, 12, 8.6) + p('M12 7.2V12l3.2 2'),
  back: p('M15 5l-7 7 7 7'),
  find: c(10.5, 10.5, 6) + p('M15 15l5.5 5.5'),
  layers: p('M12 3.5l9 5-9 5-9-5zM3.5 13.5L12 18.3l8.5-4.8'),
  catching: p('M5 5v14l7-7zM13 5v14l7-7z'),
  pending: c(5, 12, 1.2) + c(12, 12, 1.2) + c(19, 12, 1.2),
  mark:
    p('M12 1.5l9.2 5.25v10.5L12 22.5l-9.2-5.25V6.75z') +
    p('M3.4 14.6c3-.2 3.6-4.4 7-4.4s3.6 4.2 6.2 4.2c1.7 0 2.8-1 4-2'),
};

// level = shape + numeral, the word is set beside it: octagon I, diamond II, triangle III, circle IV
const LEVELS = {
  1: [p('M7.4 1.2h9.2l6.2 6.2v9.2l-6.2 6.2H7.4l-6.2-6.2V7.4z'), p('M12 7v10')],
  2: [p('M12 .6L23.4 12 12 23.4.6 12z'), p('M9.8 7.8v8.4M14.2 7.8v8.4')],
  3: [p('M12 1.6L23.6 22H.4z'), p('M8.6 12.2v7M12 12.2v7M15.4 12.2v7')],
  4: [c(12, 12, 10.8), p('M7.6 7.6v8.8M10.8 7.6l3 8.8 3-8.8')],
};
const TURN = { rising_fast: -90, rising: -45, steady: 0, falling: 45 };

const drawn = new Map();

// Only the constants of this file are ever parsed as markup.
function draw(body, classes, turn) {
  const key = `${classes} ${turn}|${body}`;
  if (!drawn.has(key)) {
    const holder = document.createElement('template');
    holder.innerHTML = `<svg class="${classes}" viewBox="0 0 24 24" aria-hidden="true">${body}</svg>`;
    if (turn) holder.content.firstChild.style.transform = `rotate(${turn}deg)`;
    drawn.set(key, holder.content.firstChild);
  }
  return drawn.get(key).cloneNode(true);
}

export const hazardIcon = (hazard) => draw(HAZARDS[hazard] || HAZARDS.other, 'i hz');
export const sign = (name, classes = 'i') => draw(SIGNS[name], classes);
export const trendIcon = (trend) =>
  trend in TURN ? draw(p('M4 12h15M12.5 5.5L19 12l-6.5 6.5'), 'i tr', TURN[trend]) : null;

/** The shape and numeral of a level; `out` draws it hollow: none, cleared or shelved. */
export function levelMark(level, out = false) {
  const [shape, numeral] = LEVELS[level] || LEVELS[4];
  return draw(`<g class="s">${shape}</g><g class="n">${numeral}</g>`, `lv l${level}${out ? ' out' : ''}`);
}

/** Icon of what a piece of evidence is about. */
export function evidenceIcon(evidence) {
  const plain = { report: 'report', cell: 'cell', outage: 'quiet' }[evidence.source];
  if (plain) return sign(plain);
  if (evidence.kind === 'river_level') return sign('river');
  if (evidence.kind === 'rain') return sign('rain');
  return sign('sensor');
}
