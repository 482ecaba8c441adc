// What fills the room when little or nothing is active: how long it has been quiet, which sensors
// are closest to a warning, what was cleared, which sensors to look at, and how the city breathes.
import { h } from './dom.js';
import { measure, number, quantity, span, spanSaid, time, unit, when } from './format.js';
import { lang, pick, t } from './i18n.js';
import { hazardIcon, levelMark, sign } from './icons.js';
import { districtName, sensorName, unitOf } from './say.js';
import { tiny } from './tiny.js';

const CURVES = ['river_level', 'rain', 'traffic_speed', 'pm25', 'power_load', 'reports'];
const CURVE_SIGN = {
  river_level: () => sign('river'),
  rain: () => sign('rain'),
  reports: () => sign('report'),
  traffic_speed: () => hazardIcon('traffic'),
  pm25: () => hazardIcon('air_pollution'),
  power_load: () => hazardIcon('power'),
};
const UNUSUAL_MOST = 10;

/** Items for the list below `active` warnings, the most telling first, each of `most` rows. */
export function quietItems(screen, active, most) {
  const { overview, city, revision } = screen.store;
  const items = [];
  if (!active && city) items.push(item('calm', [calmText(screen)], () => calm(screen)));
  const put = (key, found, rows, all) => {
    const shown = found?.slice(0, most) ?? [];
    if (shown.length)
      items.push(item(key, [shown, all, revision.city], () => rows(screen, shown, all)));
  };
  const { closest, cleared, maintenance } = overview;
  put('closest', closest && untold(screen, closest), closestRows);
  put('cleared', cleared, clearedRows);
  put('maintenance', maintenance?.items, maintenanceRows, maintenance?.counts);
  return items;
}

const item = (key, facts, build) => ({ key, sign: JSON.stringify([lang(), facts]), build });

function calmText({ store, asOf, phase }) {
  // Of what is read later than it came nobody knows whether it still is so.
  if (phase === 'catching') return t('calmAsOf', { time: time(asOf) });
  const { quiet_since: since, sensors } = store.overview;
  const n = sensors && { n: number(sensors.reporting), m: number(sensors.total) };
  if (since != null && sensors) return t('quietSince', { span: spanSaid(asOf - since), ...n });
  if (since != null) return t('quietOnly', { span: spanSaid(asOf - since) });
  return sensors ? t('reporting', n) : '';
}

function calm(screen) {
  return h('div.calm', null, h('div.calm-t', null, t('quiet')), h('p', null, calmText(screen)));
}

/** The most unusual sensors of which no warning speaks already. */
function untold({ store, asOf }, closest) {
  const { shown, suppressed } = store.active(asOf);
  const told = new Set([...shown, ...suppressed].flatMap((a) => a.evidence.map((e) => e.key)));
  return closest.filter((c) => !told.has(c.sensor));
}

function closestRows({ store }, close) {
  const rows = close.map((c) => {
    const name = c.name
      ? pick(c.name)
      : `${sensorName(store, c.sensor, c.kind)}, ${districtName(store, c.district)}`;
    const width = `${Math.min(1, c.surprisal / UNUSUAL_MOST) * 100}%`;
    const unit = unitOf(store, { key: c.sensor, kind: c.kind });
    return h(
      'div',
      null,
      hazardIcon(c.hazard),
      h('b', null, name),
      h('span.v', null, quantity(c.value, c.kind, unit)),
      h('i.sb', null, h('u', { style: { width } }), h('s')),
      h('em', null, number(c.surprisal, 1)),
    );
  });
  return h(
    'div.quiet',
    null,
    h('h3', null, t('closest'), h('span', null, t('closestKey'))),
    h('div.close', null, rows),
  );
}

function clearedRows({ store, asOf }, cleared) {
  const rows = cleared.map((c) =>
    h(
      'div',
      null,
      h('time', null, when(c.time, asOf)),
      levelMark(c.level, true),
      hazardIcon(c.hazard),
      h('b', null, c.place ? pick(c.place) : districtName(store, c.district)),
      h('span', null, span(c.time - c.first)),
    ),
  );
  return h('div.quiet', null, h('h3', null, t('clearedList')), h('div.cleared', null, rows));
}

// Sensors that lie or are silent: nothing to warn of, somebody to send.
function maintenanceRows({ store, asOf }, items, counts) {
  const n = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const rows = items.map((f) =>
    h(
      'div',
      { title: f.owner ? `${f.sensor} · ${f.owner}` : f.sensor },
      h('time', null, when(f.since, asOf)),
      h('b', null, f.name ? pick(f.name) : sensorName(store, f.sensor, f.kind)),
      h('em', null, t(`fault_${f.fault}`)),
      h('span.v', null, faultRead(store, f)),
    ),
  );
  return h(
    'div.quiet',
    null,
    h('h3', null, t('maintenance'), h('span', null, t('maintenanceKey', { n: number(n) }))),
    h('div.faults', null, rows),
  );
}

function faultRead(store, { sensor, kind, fault, value }) {
  if (value == null) return '';
  if (fault === 'clock') return `${value > 0 ? '+' : ''}${unit(number(value, 1), 'min', '分')}`;
  return quantity(value, kind, unitOf(store, { key: sensor, kind }));
}

/** The six curves of the city, each in its expected range. */
export function cityNow({ store }) {
  const curves = store.overview.curves || {};
  const known = CURVES.filter((name) => curves[name]?.points?.length > 1);
  const times = known.flatMap((name) => [curves[name].points[0][0], curves[name].points.at(-1)[0]]);
  const from = Math.min(...times);
  const to = Math.max(...times);
  const head = h(
    'div.l-head',
    null,
    h('b', null, t('cityNow')),
    known.length > 0 && h('span', null, t('cityKey', { span: span(to - from) })),
  );
  return [
    head,
    h(
      'div.pulse',
      null,
      known.map((name) => curve(name, curves[name], from, to)),
    ),
  ];
}

function curve(name, { name: title, unit, value, points }, from, to) {
  const said = measure(value, name, unit);
  return h(
    'div.p',
    null,
    h('div.p-n', null, CURVE_SIGN[name](), h('span', null, pick(title))),
    h('div.p-v', null, h('b', null, said.value), h('span', null, said.unit)),
    tiny(points, from, to),
  );
}
