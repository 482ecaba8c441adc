// The map's layers, bottom to top: calm cells, water, tinted cells, rail, roads, borders, lights,
// selection. Colours come from the page's tokens, widths scale with the root size `k`.

const EARTH_M = 40_075_016.7;
const TILE = 512;
const empty = { type: 'FeatureCollection', features: [] };

export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Metres as pixels at a zoom, never thinner than `least`.
function metres(width, lat, least, extra = 0) {
  const pixels = (zoom) => (TILE * 2 ** zoom) / (EARTH_M * Math.cos((lat * Math.PI) / 180));
  const stops = [8, 10, 12, 14, 16].flatMap((zoom) => [
    zoom,
    ['+', ['max', least, ['*', width, pixels(zoom)]], extra],
  ]);
  return ['interpolate', ['exponential', 2], ['zoom'], ...stops];
}

const byZoom = (...stops) => ['interpolate', ['linear'], ['zoom'], ...stops];
const LEVELS = [4, 3, 2, 1];
const of = (level) => ['==', ['get', 'level'], level];

// A layer for each level: a plain colour changes at once, one looked up per cell only after the
// cells have been laid out again, and a stale screen must turn grey at once.
function levelled(k, near) {
  const under = LEVELS.map((level) => ({
    id: `under${level}`,
    type: 'fill',
    source: 'whole',
    filter: of(level),
    paint: { 'fill-opacity': 0.16 },
  }));
  const hot = LEVELS.map((level) => ({
    id: `hot${level}`,
    type: 'fill',
    source: 'shrunk',
    filter: of(level),
    paint: { 'fill-opacity': byZoom(near - 0.8, 0.9, near + 0.4, 0.62) },
  }));
  const edge = LEVELS.map((level) => ({
    id: `edge${level}`,
    type: 'line',
    source: 'shrunk',
    filter: of(level),
    paint: { 'line-width': level === 1 ? 1.2 * k : k, 'line-opacity': level === 1 ? 0.75 : 0.6 },
  }));
  return [...under, ...hot, ...edge];
}

/** Layers that answer a click with their cell. */
export const CELL_LAYERS = LEVELS.map((level) => `under${level}`);

/** A whole style; `near` is the zoom from which sensors are rings instead of lights. */
export function style(shapes, k, near, phone) {
  const lat = (shapes.bounds[0][1] + shapes.bounds[1][1]) / 2;
  const source = (data) => ({ type: 'geojson', data });
  const sources = {
    districts: source(shapes.districts),
    rivers: source(shapes.rivers),
    roads: source(shapes.roads),
    rails: source(shapes.rails),
    cells: source(shapes.cells),
    sensors: source(shapes.sensors),
    whole: source(empty),
    shrunk: source(empty),
    outline: source(empty),
  };
  const round = { 'line-join': 'round', 'line-cap': 'round' };
  const width = ['case', ['>', ['get', 'width'], 0], ['get', 'width'], 60];
  const lightSize = phone ? 0.55 : k;
  const dim = ['match', ['%', ['id'], 7], 0, 0.85, 1, 0.55, 0.3];
  const lit = ['boolean', ['feature-state', 'lit'], false];
  return {
    version: 8,
    transition: { duration: 0, delay: 0 },
    sources,
    layers: [
      { id: 'bg', type: 'background', paint: { 'background-color': token('--map-bg') } },
      { id: 'land', type: 'fill', source: 'districts', paint: { 'fill-color': token('--map-land') } },
      {
        id: 'calm',
        type: 'fill',
        source: 'cells',
        paint: {
          'fill-color': [
            'interpolate',
            ['linear'],
            ['+', ['get', 'glow'], ['coalesce', ['feature-state', 'stir'], 0]],
            0,
            token('--cell-0'),
            1,
            token('--cell-1'),
            1.4,
            '#283846',
          ],
          'fill-outline-color': token('--map-land'),
        },
      },
      {
        id: 'street',
        type: 'line',
        source: 'roads',
        filter: ['get', 'street'],
        paint: {
          'line-color': token('--map-street'),
          'line-width': byZoom(near - 2, 0.7 * k, near + 1, 2 * k),
        },
      },
      {
        id: 'shore',
        type: 'line',
        source: 'rivers',
        layout: round,
        paint: { 'line-color': token('--map-shore'), 'line-width': metres(width, lat, 1.6 * k, 2 * k) },
      },
      {
        id: 'water',
        type: 'line',
        source: 'rivers',
        layout: round,
        paint: { 'line-color': token('--map-water'), 'line-width': metres(width, lat, 1.6 * k) },
      },
      ...levelled(k, near),
      {
        id: 'rail',
        type: 'line',
        source: 'rails',
        paint: { 'line-color': token('--map-rail'), 'line-width': k, 'line-dasharray': [5, 3] },
      },
      {
        id: 'road',
        type: 'line',
        source: 'roads',
        filter: ['!', ['get', 'street']],
        layout: round,
        paint: {
          'line-color': token('--map-road'),
          'line-width': byZoom(near - 2, 1.5 * k, near + 1, 4.5 * k),
        },
      },
      {
        id: 'border',
        type: 'line',
        source: 'districts',
        paint: { 'line-color': token('--map-border'), 'line-width': k, 'line-dasharray': [2, 3] },
      },
      {
        id: 'lights',
        type: 'circle',
        source: 'sensors',
        maxzoom: near,
        paint: {
          'circle-radius': byZoomOfLight(lightSize),
          'circle-color': token('--light'),
          'circle-opacity': ['case', lit, 1, dim],
        },
      },
      {
        id: 'glow',
        type: 'circle',
        source: 'sensors',
        maxzoom: near,
        filter: ['==', ['%', ['id'], 9], 0],
        paint: {
          'circle-radius': 4.5 * k,
          'circle-blur': 1,
          'circle-color': token('--light'),
          'circle-opacity': phone ? 0 : 0.17,
        },
      },
      {
        id: 'casing',
        type: 'line',
        source: 'outline',
        layout: round,
        paint: { 'line-color': '#05080b', 'line-width': 6 * k, 'line-opacity': 0.85 },
      },
      {
        id: 'selected',
        type: 'line',
        source: 'outline',
        layout: round,
        paint: { 'line-color': '#ffffff', 'line-width': 2.4 * k },
      },
      {
        id: 'rings',
        type: 'circle',
        source: 'sensors',
        minzoom: near,
        paint: {
          'circle-radius': 3 * k,
          'circle-color': ['case', lit, token('--light'), token('--map-bg')],
          'circle-stroke-color': token('--light'),
          'circle-stroke-opacity': 0.55,
          'circle-stroke-width': 1.2 * k,
        },
      },
    ],
  };
}

const byZoomOfLight = (size) => [
  'interpolate',
  ['linear'],
  ['%', ['id'], 7],
  0,
  1.7 * size,
  2,
  1.1 * size,
  6,
  0.8 * size,
];

/** Level I also carries a hatch, so that red is not told by colour alone. */
export function addHatch(map, k) {
  const size = Math.round(8 * k);
  const canvas = Object.assign(document.createElement('canvas'), { width: size, height: size });
  const pen = canvas.getContext('2d');
  pen.strokeStyle = 'rgba(20, 4, 6, .55)';
  pen.lineWidth = 1.6 * k;
  for (const shift of [-size, 0, size]) {
    pen.beginPath();
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
    pen.stroke();
  }
  map.addImage('hatch', pen.getImageData(0, 0, size, size));
  map.addLayer(
    { id: 'hatch', type: 'fill', source: 'shrunk', filter: of(1), paint: { 'fill-pattern': 'hatch' } },
    'edge4',
  );
}

/** Level colours and lights follow the tokens, which turn to a grey ramp when the screen is stale. */
export function tint(map, stale) {
  for (const level of LEVELS) {
    map.setPaintProperty(`under${level}`, 'fill-color', token(`--l${level}-cell`));
    map.setPaintProperty(`hot${level}`, 'fill-color', token(`--l${level}-cell`));
    map.setPaintProperty(`edge${level}`, 'line-color', level === 1 ? token('--l1-tx') : token('--map-land'));
  }
  map.setLayoutProperty('glow', 'visibility', stale ? 'none' : 'visible');
  map.setLayoutProperty('lights', 'visibility', stale ? 'none' : 'visible');
}
