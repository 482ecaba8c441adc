// How fast a curve rises or falls now: a line through its last readings.
import { number, unitName } from './format.js';
import { lang } from './i18n.js';

const WINDOW_MS = 30 * 60_000;
const LEAST_POINTS = 4;
const MOST_POINTS = 7;
const PER = [
  [60_000, 'min', '分'],
  [3_600_000, 'h', '时'],
];

/** `{rising, text}` of a series, or null when it is too short, a rate itself, or steady. */
export function slope(series) {
  const unit = series?.unit;
  if (!['m', 'cm', 'mm', 'Cel'].includes(unit)) return null; // a rate of a rate tells nobody anything
  const last = series.points.at(-1)?.[0];
  const points = series.points
    .filter((p) => p[0] > last - WINDOW_MS && Number.isFinite(p[1]))
    .slice(-MOST_POINTS);
  if (points.length < LEAST_POINTS) return null;
  const perMs = fit(points);
  const [ms, en, zh] = PER.find(([span]) => Math.abs(perMs * span) >= 0.5) || PER[1];
  const size = Math.abs(perMs * ms);
  if (size < 0.05) return null;
  const per = `${unitName(unit)}/${lang() === 'zh' ? zh : en}`;
  return { rising: perMs > 0, text: `${number(size, size < 10 ? 1 : 0)}\u00a0${per}` };
}

// Least squares: one noisy reading must not turn the sign.
function fit(points) {
  const n = points.length;
  const t = points.reduce((s, p) => s + p[0], 0) / n;
  const v = points.reduce((s, p) => s + p[1], 0) / n;
  const up = points.reduce((s, p) => s + (p[0] - t) * (p[1] - v), 0);
  return up / points.reduce((s, p) => s + (p[0] - t) ** 2, 0);
}
