// Names on the map: districts in their middle, rivers along a straight stretch of their course.
// They are HTML: text in WebGL would need a glyph server.
import { h } from '../dom.js';
import { pick } from '../i18n.js';
import { inside } from './geometry.js';

const TWICE_M = 30_000; // a river longer than this inside the city is named twice
const LABEL_M = 2500; // room a river's name takes along it
const HIDDEN = { style: { visibility: 'hidden' } }; // until it is known which are shown
const SPOTS = 6; // places a river's name may have, so that it can step aside

/** Elements with their places: `{node, at}`. */
export function districtNames(city) {
  return city.districts
    .filter((d) => d.polygon?.length > 2)
    .map((d) => ({ node: h('div.m-d', null, pick({ en: d.name, zh: d.name_zh })), at: heart(d.polygon) }));
}

/** The point of a polygon farthest from its edge, on a coarse grid: a label there stays inside. */
export function heart(ring) {
  const lon = ring.map((p) => p[0]);
  const lat = ring.map((p) => p[1]);
  const [west, east, south, north] = [Math.min(...lon), Math.max(...lon), Math.min(...lat), Math.max(...lat)];
  let best = { away: -1, at: [(west + east) / 2, (south + north) / 2] };
  for (let i = 1; i < 16; i++) {
    for (let j = 1; j < 16; j++) {
      const at = [west + ((east - west) * i) / 16, south + ((north - south) * j) / 16];
      const away = inside(at, ring) ? edge(at, ring) : -1;
      if (away > best.away) best = { away, at };
    }
  }
  return best.at;
}

// A name is wider than high: nearness left and right counts half.
function edge([x, y], ring) {
  return Math.min(...ring.map((p) => Math.hypot((p[0] - x) / 2, p[1] - y)));
}

export function riverNames(city, bounds) {
  const rivers = Map.groupBy(
    city.lines.filter((l) => l.kind === 'river' && l.name && l.coordinates.length > 1),
    (l) => JSON.stringify(l.name),
  );
  return [...rivers.values()].flatMap((parts) => {
    const longest = parts.sort((a, b) => b.coordinates.length - a.coordinates.length)[0];
    const river = pick(longest.name);
    return spots(longest.coordinates, bounds).map(({ at, turn, ...where }) => ({
      node: h('div.m-r', HIDDEN, h('span', { style: { transform: `rotate(${turn}deg)` } }, river)),
      at,
      river: { name: river, ...where },
    }));
  });
}

/** The names that are shown, best first: none over what is taken, or over each other. */
export function chosen(names, isFree) {
  const shown = [];
  for (const name of names) {
    const same = shown.filter((s) => s.river && s.river.name === name.river?.name);
    const again = same.length
      ? same.length < name.river.times && same.every((s) => apart(s.river, name.river))
      : true;
    if (again && isFree(name, shown)) shown.push(name);
  }
  return shown;
}

const apart = (a, b) => Math.abs(a.along - b.along) > a.total / 2;

// The straightest stretches, best first, away from the edges of the picture and from each other.
function spots(line, bounds) {
  const way = measured(line, bounds);
  const total = way.at(-1)?.along ?? 0;
  const fits = [];
  for (let i = 0; i < way.length; i++) {
    const j = way.findIndex((p) => p.along >= way[i].along + LABEL_M);
    if (j < 0) break;
    const [a, b] = [way[i], way[j]];
    const straight = Math.hypot(b.x - a.x, b.y - a.y) / (b.along - a.along);
    const mid = way[Math.floor((i + j) / 2)];
    const turn = upright((-Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI);
    const level = 1 - Math.abs(turn) / 250; // a name that lies flat is read sooner
    fits.push({ at: mid.at, along: mid.along, turn, rank: straight * mid.room * level });
  }
  fits.sort((a, b) => b.rank - a.rank);
  const kept = [];
  for (const fit of fits) {
    if (kept.length === SPOTS) break;
    if (kept.every((k) => Math.abs(k.along - fit.along) > LABEL_M)) kept.push(fit);
  }
  const times = total > TWICE_M ? 2 : 1;
  return kept
    .filter((fit, i) => i === 0 || fit.rank > 0.4)
    .map(({ at, along, turn }) => ({ at, along, turn, total, times }));
}

const upright = (turn) => (turn > 90 ? turn - 180 : turn < -90 ? turn + 180 : turn);

function measured(line, [[west, south], [east, north]]) {
  const lonM = 111_320 * Math.cos((line[0][1] * Math.PI) / 180);
  const out = [];
  for (const at of dense(line)) {
    const [x, y] = [at[0] * lonM, at[1] * 111_320];
    const last = out.at(-1);
    const u = (at[0] - west) / (east - west);
    const v = (at[1] - south) / (north - south);
    const room = Math.max(0, Math.min(u, 1 - u, v, 1 - v));
    if (room > 0.02)
      out.push({
        at,
        x,
        y,
        along: last ? last.along + Math.hypot(x - last.x, y - last.y) : 0,
        room: Math.min(1, 0.6 + room * 2),
      });
  }
  return out;
}

function dense(line) {
  return line.slice(1).flatMap((b, i) => {
    const a = line[i];
    const n = Math.max(1, Math.ceil(Math.hypot(b[0] - a[0], b[1] - a[1]) / 0.003));
    return Array.from({ length: n }, (_, s) => [
      a[0] + ((b[0] - a[0]) * s) / n,
      a[1] + ((b[1] - a[1]) * s) / n,
    ]);
  });
}
