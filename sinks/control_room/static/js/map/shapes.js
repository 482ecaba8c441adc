// The city file as shapes the map can draw. Longitude before latitude throughout.

import { inside } from './geometry.js';

const REACH_M = 1600; // how far a sensor's light spreads over the calm cells
const M_PER_DEGREE = 111_320;

const collection = (features) => ({ type: 'FeatureCollection', features });
const feature = (type, coordinates, properties = {}, id) => ({
  type: 'Feature',
  id,
  properties,
  geometry: { type, coordinates },
});
const closed = (ring) => {
  const [first, last] = [ring[0], ring.at(-1)];
  return first[0] === last[0] && first[1] === last[1] ? ring : [...ring, first];
};

export function shapes(city) {
  const all = Object.entries(city.cells || {});
  const cells = withinCity(city, all);
  const glow = glowOf(
    cells.map(([, ring]) => middle(ring)),
    city.sensors,
  );
  return {
    districts: collection(
      city.districts
        .filter((d) => d.polygon?.length > 2)
        .map((d) => feature('Polygon', [closed(d.polygon)], { id: d.id })),
    ),
    rivers: collection(lines(city, 'river')),
    roads: collection(lines(city, 'road').map(asStreet)),
    rails: collection(lines(city, 'rail')),
    sensors: collection(city.sensors.map((s, i) => feature('Point', [s.lon, s.lat], { id: s.id }, i))),
    cells: collection(
      cells.map(([id, ring], i) => feature('Polygon', [closed(ring)], { id, glow: glow[i] }, i)),
    ),
    index: new Map(cells.map(([id], i) => [id, i])),
    rings: new Map(all),
    sensorIndex: new Map(city.sensors.map((s, i) => [s.id, i])),
    bounds: boundsOf(city, all),
  };
}

function lines(city, kind) {
  return city.lines
    .filter((l) => l.kind === kind && l.coordinates.length > 1)
    .map((l) => feature('LineString', l.coordinates, { width: l.width_m ?? 0 }));
}

// The city's own cells are drawn when calm; one beyond its border only with a warning on it.
function withinCity(city, cells) {
  const borders = city.districts.map((d) => d.polygon).filter((p) => p?.length > 2);
  if (!borders.length) return cells;
  return cells.filter(([, ring]) => borders.some((border) => inside(middle(ring), border)));
}

const STREET_M = 20; // narrower is a street
const asStreet = (road) => ({
  ...road,
  properties: { ...road.properties, street: road.properties.width > 0 && road.properties.width < STREET_M },
});

export function middle(ring) {
  const n = ring.length;
  return [ring.reduce((s, p) => s + p[0], 0) / n, ring.reduce((s, p) => s + p[1], 0) / n];
}

// The densest part of the city glows a little: 0 to 1 by how many sensors are near.
function glowOf(centres, sensors) {
  if (!centres.length) return [];
  const high = REACH_M / M_PER_DEGREE;
  const wide = high / Math.cos((centres[0][1] * Math.PI) / 180);
  const grid = new Map();
  const box = (lon, lat) => [Math.floor(lon / wide), Math.floor(lat / high)];
  for (const s of sensors) {
    const key = box(s.lon, s.lat).join();
    grid.set(key, [...(grid.get(key) || []), s]);
  }
  const counts = centres.map(([lon, lat]) => {
    const [i, j] = box(lon, lat);
    let sum = 0;
    for (let di = -1; di <= 1; di++) {
      for (let dj = -1; dj <= 1; dj++) {
        for (const s of grid.get(`${i + di},${j + dj}`) || [])
          sum += Math.max(0, 1 - Math.hypot((s.lon - lon) / wide, (s.lat - lat) / high));
      }
    }
    return sum;
  });
  const bright = [...counts].sort((a, b) => a - b)[Math.floor(counts.length * 0.97)] || 1;
  return counts.map((n) => Math.min(1, Math.sqrt(n / bright)));
}

function boundsOf(city, cells) {
  const polygons = city.districts.flatMap((d) => d.polygon || []);
  const around = cells.flatMap(([, ring]) => ring);
  const points = polygons.length
    ? polygons
    : around.length
      ? around
      : city.sensors.map((s) => [s.lon, s.lat]);
  const lon = points.map((p) => p[0]);
  const lat = points.map((p) => p[1]);
  const least = (list) => list.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (list) => list.reduce((a, b) => Math.max(a, b), -Infinity);
  return [
    [least(lon), least(lat)],
    [most(lon), most(lat)],
  ];
}
