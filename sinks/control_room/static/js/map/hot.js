// Levelled cells: the tinted share of a hexagon grows with the level, so size says it again without
// colour; and the outline round the cells of one warning.
import { middle } from './shapes.js';

const SHARE = { 1: 1, 2: 0.86, 3: 0.66, 4: 0.46 };
const SAME = 2e-5; // degrees: corners of neighbouring cells agree to far less

/** Shrunken and whole hexagons of every cell under an active warning; the worst level wins. */
export function hotCells(alerts, rings) {
  const level = new Map();
  for (const alert of alerts) {
    for (const cell of alert.cells)
      if (rings.has(cell)) level.set(cell, Math.min(level.get(cell) ?? 9, alert.level));
  }
  const whole = [];
  const shrunk = [];
  for (const [cell, worst] of level) {
    const ring = rings.get(cell);
    const [x, y] = middle(ring);
    const part = ring.map((p) => [x + (p[0] - x) * SHARE[worst], y + (p[1] - y) * SHARE[worst]]);
    whole.push(polygon(ring, worst, cell));
    shrunk.push(polygon(part, worst, cell));
  }
  return {
    whole: { type: 'FeatureCollection', features: whole },
    shrunk: { type: 'FeatureCollection', features: shrunk },
  };
}

const polygon = (ring, level, cell) => ({
  type: 'Feature',
  properties: { level, cell },
  geometry: { type: 'Polygon', coordinates: [[...ring, ring[0]]] },
});

/** Closed lines round the cells: the edges that only one of them has. */
export function outline(cells, rings) {
  const corner = corners();
  const edges = new Map();
  for (const cell of cells) {
    const ring = (rings.get(cell) || []).map(corner);
    ring.forEach((a, i) => {
      const b = ring[(i + 1) % ring.length];
      const back = `${b.key}|${a.key}`;
      if (!edges.delete(back)) edges.set(`${a.key}|${b.key}`, [a, b]);
    });
  }
  return {
    type: 'FeatureCollection',
    features: chains(edges).map((line) => ({
      type: 'Feature',
      properties: {},
      geometry: { type: 'LineString', coordinates: line },
    })),
  };
}

// Corners nearer than SAME are one corner, whatever rounding did to them.
function corners() {
  const known = new Map();
  const box = ([lon, lat]) => [Math.floor(lon / SAME / 4), Math.floor(lat / SAME / 4)];
  return (point) => {
    const [i, j] = box(point);
    for (let di = -1; di <= 1; di++) {
      for (let dj = -1; dj <= 1; dj++) {
        const near = known.get(`${i + di},${j + dj}`);
        if (near && Math.hypot(near.at[0] - point[0], near.at[1] - point[1]) < SAME) return near;
      }
    }
    const fresh = { key: known.size, at: point };
    known.set(`${i},${j}`, fresh);
    return fresh;
  };
}

function chains(edges) {
  const next = new Map();
  for (const [a, b] of edges.values()) next.set(a.key, [...(next.get(a.key) || []), b]);
  const from = new Map([...edges.values()].map(([a]) => [a.key, a]));
  const lines = [];
  for (const start of from.values()) {
    const line = [start.at];
    for (let to = next.get(start.key)?.pop(); to; to = next.get(to.key)?.pop()) line.push(to.at);
    if (line.length > 1) lines.push(line);
  }
  return lines;
}
