// A small curve: a value in its expected range, nothing else. And the bars of a feed's rate.
import { svg } from './dom.js';

const WIDE = 300;
const HIGH = 64;
const PAD = 3;

/** Points are [time, value, low, high]; low and high may be missing. */
export function tiny(points, from, to) {
  const values = points.flatMap((p) => p.slice(1)).filter(Number.isFinite);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const x = (time) => (((time - from) / (to - from || 1)) * (WIDE - PAD)).toFixed(1);
  const y = (value) => (PAD + ((high - value) / (high - low || 1)) * (HIGH - 2 * PAD)).toFixed(1);
  const along = (list, column) => list.map((p) => `${x(p[0])} ${y(p[column])}`).join('L');
  const banded = points.filter((p) => Number.isFinite(p[2]) && Number.isFinite(p[3]));
  const measured = points.filter((p) => Number.isFinite(p[1]));
  return svg(
    'svg',
    { class: 'tiny', viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    banded.length > 1
      ? svg('path', { class: 'band', d: `M${along(banded, 3)}L${along([...banded].reverse(), 2)}Z` })
      : null,
    svg('path', { class: 'line', d: `M${along(measured, 1)}`, 'vector-effect': 'non-scaling-stroke' }),
  );
}

/** The last rates of a feed, newest at the right. */
export function bars(rates, most = 14) {
  const top = Math.max(...rates, 1e-9);
  const rects = Array.from({ length: most }, (_, i) => {
    const rate = rates[rates.length - most + i]; // none yet: a faint stub keeps the place
    const height = Math.max(1.5, ((rate ?? 0) / top) * 12);
    return svg('rect', {
      class: rate == null ? 'none' : '',
      x: i * 4,
      y: (14 - height).toFixed(1),
      width: 2.4,
      height: height.toFixed(1),
    });
  });
  return svg('svg', { class: 'bars', viewBox: `0 0 ${most * 4 - 1.6} 14`, 'aria-hidden': 'true' }, rects);
}
