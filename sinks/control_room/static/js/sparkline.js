// The curve of the main sensor: expected range grey, measured white, official levels, the moments
// the warning was issued or changed level, now, and the forecast when there is one.
import { h, keep, svg } from './dom.js';
import { kindName, number, time } from './format.js';
import { lang, pick, t } from './i18n.js';
import { levelMark } from './icons.js';
import { zoomOfRoot } from './screen.js';
import { crossing, crossesAt, forecastOf, nice, reach, ticks, window_ } from './spark_scale.js';

const GUTTER = 62;
const TOP = 22;
const BOTTOM = 22;
const SIZE = 16; // of a level's shape
const LABEL_ROOM = 48; // between time labels
const NAMES = { 1: 'red', 2: 'orange', 3: 'yellow', 4: 'blue' };

export class Spark {
  #title = h('h2');
  #box = h('div.spark');

  draw(host, { screen, alert, sensor, series, moments }) {
    keep(host, 'spark', () => [this.#title, this.#box]);
    const forecast = forecastOf(alert, sensor, screen.asOf);
    const kind = series?.kind || screen.store.sensor(sensor)?.kind || '';
    const named = screen.store.sensor(sensor)?.name;
    const name = named ? pick(named) : sensor; // as it is called in Why
    keep(this.#title, [lang(), name, kind, Boolean(series), Boolean(forecast)], () =>
      title(sensor, name, kind, series, forecast),
    );
    const { clientWidth: wide, clientHeight: high } = this.#box;
    const minute = Math.floor(screen.asOf / 60_000);
    const facts = [
      lang(),
      sensor,
      wide,
      high,
      minute,
      screen.stale,
      series?.points.length,
      series?.points.at(-1),
      moments.map((m) => m.version),
      alert.version,
    ];
    keep(this.#box, facts, () => {
      if (!sensor) return h('p.say', null, t(alert.evidence.length ? 'noCurve' : 'noEvidence'));
      if (!series || series.points.length < 2 || !wide) return h('p.say', null, t('waitCurve', { sensor: name }));
      return chart({
        wide,
        high,
        k: zoomOfRoot(),
        now: screen.asOf,
        stale: screen.stale,
        alert,
        series,
        forecast,
        level: NAMES[forecast?.level ?? spokenOf(alert, sensor)],
        moments,
      });
    });
  }
}

// The official level that the sensor's evidence is about: reached, or expected to be.
const spokenOf = (alert, sensor) =>
  alert.evidence.find((e) => e.source === 'level' && e.key === sensor)?.level;

function title(sensor, name, kind, series, forecast) {
  const key = h(
    'span.key',
    null,
    h('i.k-band'),
    t('keyExpected'),
    forecast && [h('i.k-fan'), t('keyForecast')],
  );
  return [kind && kindName(kind), h('small', { title: sensor || '' }, name || ''), series && key];
}

function chart(c) {
  const { wide, high, k } = c;
  const span = window_(c);
  const right = wide - GUTTER * k;
  const bottom = high - BOTTOM * k;
  const points = c.series.points.filter(
    (p) => p[0] >= span.from && p[0] <= c.now + 60_000 && Number.isFinite(p[1]),
  );
  const range = reach(points, c.series.levels, c.forecast, [NAMES[c.alert.level], c.level]);
  const x = (time) => ((time - span.from) / (span.to - span.from)) * right;
  const y = (value) => TOP * k + ((range.high - value) / (range.high - range.low)) * (bottom - TOP * k);
  const g = { ...c, span, range, right, bottom, points, x, y };
  const parts = [axis, band, levels, fan, nowLine, measured, fired, current, cross];
  return svg(
    'svg',
    {
      width: wide,
      height: high,
      viewBox: `0 0 ${wide} ${high}`,
      role: 'img',
      'aria-label': kindName(c.series.kind),
    },
    parts.flatMap((part) => part(g)),
  );
}

const path = (cls, d) => svg('path', { class: cls, d });
const text = (cls, x, y, anchor, ...kids) =>
  svg('text', { class: cls, x: x.toFixed(1), y: y.toFixed(1), 'text-anchor': anchor }, ...kids);
const join = (list, f) =>
  list
    .map((p) =>
      f(p)
        .map((n) => n.toFixed(1))
        .join(' '),
    )
    .join('L');

function mark(level, x, y, k) {
  const node = levelMark(level);
  for (const [name, value] of Object.entries({
    x: x - (SIZE / 2) * k,
    y,
    width: SIZE * k,
    height: SIZE * k,
    style: `width:${SIZE * k}px;height:${SIZE * k}px`,
  }))
    node.setAttribute(name, value);
  return node;
}

function axis(g) {
  const { x, k, right, bottom, span, now, stale } = g;
  const onset = crossesAt(g);
  const here = x(now);
  const there = onset == null ? Infinity : x(onset);
  // Beside a near crossing, or at the right end, "now" stands to the left of its line.
  const aside = there - here < LABEL_ROOM * k || here > right - 12 * k;
  const label = aside ? Math.min(here, there - 26 * k) : here;
  const taken = [label - (aside ? 14 * k : 0), there];
  const out = [path('axis', `M0 ${bottom}H${right}`)];
  for (const tick of ticks(span, right / (70 * k))) {
    const at = x(tick);
    if (taken.some((other) => Math.abs(other - at) < LABEL_ROOM * k)) continue;
    const anchor = at < 16 * k ? 'start' : at > right - 16 * k ? 'end' : 'middle';
    out.push(path('tick', `M${at} ${bottom}v${4 * k}`), text('ax', at, bottom + 19 * k, anchor, time(tick)));
  }
  out.push(text('ax hi', label, bottom + 19 * k, aside ? 'end' : 'middle', stale ? time(now) : t('now')));
  return out;
}

function band({ points, x, y, span, range, forecast }) {
  const known = points.filter((p) => Number.isFinite(p[2]) && Number.isFinite(p[3]));
  if (known.length < 2) return [];
  // Ahead of now the last known range holds, as far as the forecast is drawn.
  if (forecast) known.push([span.to, 0, known.at(-1)[2], known.at(-1)[3]]);
  const clip = (v) => Math.min(range.high, Math.max(range.low, v));
  return [
    path(
      'band',
      `M${join(known, (p) => [x(p[0]), y(clip(p[3]))])}L${join([...known].reverse(), (p) => [x(p[0]), y(clip(p[2]))])}Z`,
    ),
  ];
}

function levels(g) {
  const { series, y, right, k, range } = g;
  const lines = Object.entries(NAMES)
    .map(([level, name]) => [Number(level), series.levels?.[name]])
    .filter(([, v]) => v != null && v >= range.low && v <= range.high);
  if (!lines.length) return scale(g);
  const digits = lines.some(([, v]) => v % 1) || lines[0][1] >= 100 ? 1 : 0;
  const spots = spread(
    lines.map(([level, value]) => ({ level, value, at: y(value) })),
    SIZE * k,
  );
  return spots.flatMap(({ level, value, at, label }) => [
    path(`lvl l${level}`, `M0 ${at}H${right + 4 * k}`),
    text('lvt', right + 26 * k, label + 4.5 * k, 'start', number(value, digits)),
    mark(level, right + 14 * k, label - 8 * k, k),
  ]);
}

// Labels of close levels are pushed apart; the lines stay where they are.
function spread(spots, room) {
  const sorted = spots.sort((a, b) => a.at - b.at);
  sorted.forEach((s, i) => {
    s.label = i ? Math.max(s.at, sorted[i - 1].label + room) : s.at;
  });
  return sorted;
}

// Without official levels the gutter says the size of the values.
function scale({ range, y, right, k }) {
  return nice(range.low, range.high).flatMap((value) => [
    path('grid', `M0 ${y(value)}H${right + 4 * k}`),
    text(
      'ax',
      right + 10 * k,
      y(value) + 4.5 * k,
      'start',
      number(value, Math.abs(value) < 10 && value % 1 ? 1 : 0),
    ),
  ]);
}

function fan({ forecast, x, y, range, span }) {
  if (!forecast) return [];
  const clip = (v) => Math.min(range.high, Math.max(range.low, v));
  const rows = forecast.times.map((time, i) => ({ time, i })).filter((r) => r.time <= span.to);
  const edge = (q, list) => join(list, (r) => [x(r.time), y(clip(forecast[q][r.i]))]);
  const area = (lo, hi) => `M${edge(hi, rows)}L${edge(lo, [...rows].reverse())}Z`;
  return [
    path('fan90', area('q05', 'q95')),
    path('fan50', area('q25', 'q75')),
    path('med', `M${edge('q50', rows)}`),
  ];
}

function nowLine({ x, now, k, bottom }) {
  return [path('nowl', `M${x(now)} ${(TOP - 4) * k}V${bottom}`)];
}

// A gap in the readings is a gap in the line.
function measured({ points, x, y }) {
  const steps = points
    .slice(1)
    .map((p, i) => p[0] - points[i][0])
    .sort((a, b) => a - b);
  const gap = 4 * (steps[Math.floor(steps.length / 2)] || Infinity);
  const d = points
    .map(
      (p, i) =>
        `${i && p[0] - points[i - 1][0] <= gap ? 'L' : 'M'}${x(p[0]).toFixed(1)} ${y(p[1]).toFixed(1)}`,
    )
    .join('');
  return [path('line', d)];
}

// Every moment has its stem; of shapes that would cover each other the latest is drawn.
function fired({ moments, points, x, y, k, span }) {
  let free = Infinity;
  const shown = moments.filter((m) => m.status === 'active' && m.time >= span.from);
  return shown.reverse().flatMap((m) => {
    const at = x(m.time);
    const value = y(crossing(points, m.time));
    const stem = [
      path('warn', `M${at} ${(TOP - 2) * k}V${value}`),
      svg('circle', { class: 'wd', cx: at, cy: value, r: 3 * k }),
    ];
    if (free - at < SIZE * k) return stem;
    free = at;
    return [...stem, mark(m.level, at, (TOP - 20) * k, k)];
  });
}

function current({ points, x, y, k }) {
  const last = points.at(-1);
  return last ? [svg('circle', { class: 'cur', cx: x(last[0]), cy: y(last[1]), r: 4 * k })] : [];
}

// Where and when the level that the warning speaks of is expected to be crossed.
function cross(g) {
  const at = crossesAt(g);
  if (!at) return [];
  const { x, y, k, bottom, series } = g;
  const level = series.levels?.[g.level];
  const top = level == null ? TOP * k : y(level);
  const ring = level == null ? [] : [svg('circle', { class: 'cross', cx: x(at), cy: top, r: 5 * k })];
  return [
    path('crossl', `M${x(at)} ${top + (ring.length ? 5 * k : 0)}V${bottom}`),
    ...ring,
    text('ax hi', x(at), bottom + 19 * k, 'middle', time(at)),
  ];
}
