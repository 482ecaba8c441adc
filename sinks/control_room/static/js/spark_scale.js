// Which stretch of time and which values the sparkline shows. Pure arithmetic.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const LEAST_MS = 90 * MINUTE;
const MOST_MS = 12 * HOUR;
const STEPS = [5, 10, 15, 30, 60, 120, 180, 360].map((m) => m * MINUTE);
const PAST_SHARE = 1.5; // 60 % past, 40 % ahead

/** The forecast of a warning, as long as it is of this sensor and of what is to come. */
export const forecastOf = ({ forecast }, sensor, now) =>
  forecast?.sensor === sensor && forecast.times.at(-1) > now ? forecast : null;

/** From when to when: what a forecast was made of, 60 %, and all of it; else the warning's own time and
 * what led to it. */
export function window_({ now, alert, forecast, series }) {
  const since = (wanted) => Math.max(wanted, Math.min(series.points[0][0], now - LEAST_MS / 3));
  if (forecast) {
    const [made, to] = [forecast.times[0], forecast.times.at(-1)];
    return { from: since(made - PAST_SHARE * (to - made)), to };
  }
  const wanted = Math.min(MOST_MS, Math.max(LEAST_MS, (now - alert.first) * 1.5 + HOUR));
  const from = since(now - wanted);
  const ahead = alert.onset - now;
  const past = now - from;
  const room = ahead > 0 && ahead < past ? ahead + past * 0.12 : past * 0.04;
  return { from, to: now + room };
}

/** When the crossing is expected, if that is ahead and within the picture. */
export function crossesAt({ alert, now, span }) {
  const { onset } = alert;
  return onset > now && onset <= span.to ? onset : null;
}

/** Lowest and highest value: measured, expected, forecast; the next level, and those spoken of. */
export function reach(points, levels, forecast, spoken) {
  const values = points.flatMap((p) => p.slice(1)).filter(Number.isFinite);
  if (forecast) values.push(...forecast.q05, ...forecast.q95);
  let low = Math.min(...values);
  let high = Math.max(...values);
  const lines = Object.values(levels || {})
    .filter((v) => v != null)
    .sort((a, b) => a - b);
  const falling = lines.length > 1 && levels.red === lines[0];
  const room = 3 * (high - low);
  const near = lines.filter((v) => (falling ? low - v : v - high) < room);
  const next = falling ? near.findLast((v) => v < low) : near.find((v) => v > high);
  const told = near.filter((v) => spoken.some((name) => levels[name] === v));
  const wanted = [next, ...told].filter((v) => v != null);
  low = Math.min(low, ...wanted);
  high = Math.max(high, ...wanted);
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  return { low: low - pad, high: high + pad };
}

/** Round times for the axis, at most `most` of them. */
export function ticks({ from, to }, most) {
  const step = STEPS.find((s) => (to - from) / s <= most) || STEPS.at(-1);
  const out = [];
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) out.push(time);
  return out;
}

/** Two to four round values within a range. */
export function nice(low, high) {
  const raw = (high - low) / 3;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((f) => f * size).find((s) => s >= raw);
  const out = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step)
    out.push(Number(value.toPrecision(6)));
  return out;
}

/** The value measured at a time, between two readings. */
export function crossing(points, time) {
  const after = points.findIndex((p) => p[0] >= time);
  if (after < 0) return points.at(-1)?.[1] ?? 0;
  if (after === 0) return points[0][1];
  const [a, b] = [points[after - 1], points[after]];
  return a[1] + ((time - a[0]) / (b[0] - a[0] || 1)) * (b[1] - a[1]);
}
