// What a warning says of itself, and what the screen says for it while a field is still empty.
import { NBSP, kindName, number, pair, quantity, span, time } from './format.js';
import { pick, t } from './i18n.js';
import { reason } from './reason.js';
import { shelved } from './store.js';

const MINUTE = 60_000;

const EVIDENCE_TOLD = 12; // the strongest pieces an alert carries; there may be more behind it

/** Surprisal from which evidence agrees. */
export const UNUSUAL = 3;

export const levelName = (level) => t(`level${level}`);
export const hazardName = (hazard) => t(hazard);

export function districtName(store, id) {
  const district = store.district(id);
  if (!district) return id || '';
  return pick({ en: district.name, zh: district.name_zh });
}

/** Name of a sensor: its own, else its kind and id. */
export function sensorName(store, id, kind) {
  const sensor = store.sensor(id);
  if (sensor?.name) return pick(sensor.name);
  return `${kindName(kind || sensor?.kind || '')} ${id}`.trim();
}

const bySurprise = (a, b) => (b.surprisal ?? 0) - (a.surprisal ?? 0);
export const evidenceOf = (alert) => [...(alert.evidence || [])].sort(bySurprise);
const ofSensor = (evidence) => evidence.source === 'sensor' || evidence.source === 'level';

/** Evidence whose value is a count of sensors or reports, not a measurement. */
export const counted = (evidence) => !ofSensor(evidence);

/** The evidence that place, headline, value and curve are of: the engine lists it first. */
export const mainEvidence = ({ evidence = [] }) => evidence.find((e) => !e.fault) ?? evidence[0];

/** The sensor whose curve tells this warning best. */
export function mainSensor(alert) {
  const main = mainEvidence(alert);
  return main && ofSensor(main) ? main.key : null;
}

export const unitOf = (store, { key, kind }) => store.sensor(key)?.unit || DEFAULT_UNITS[kind] || '';

// Units of kinds whose sensor the city file does not list.
const DEFAULT_UNITS = {
  river_level: 'm',
  rain: 'mm/h',
  street_water: 'cm',
  traffic_speed: 'km/h',
  traffic_flow: '1/h',
  traffic_occupancy: '%',
  travel_time: 's',
  pm25: 'ug/m3',
  no2: 'ug/m3',
  gas_ch4: '%{LEL}',
  smoke: '%/m',
  noise: 'dB',
  slope_tilt: 'mm',
  water_pressure: 'kPa',
  power_load: 'kW',
  temperature: 'Cel',
  dew_point_temperature: 'Cel',
  air_pressure: 'hPa',
  eastward_wind: 'm/s',
  northward_wind: 'm/s',
};

/** How many unusual or silent sensors, and reports, stand behind a warning. */
export function counts(alert) {
  const agreeing = alert.evidence.filter((e) => !(e.surprisal < UNUSUAL));
  const summed = (source) =>
    agreeing.filter((e) => e.source === source).reduce((n, e) => n + Math.round(e.value || 0), 0);
  const sensors = new Set(agreeing.filter(ofSensor).map((e) => e.key)).size + summed('outage');
  const reports = summed('report');
  return { sensors, reports, cut: alert.evidence.length >= EVIDENCE_TOLD };
}

export function place(store, alert) {
  if (alert.place) return pick(alert.place);
  const main = mainEvidence(alert);
  const sensor = main && store.sensor(main.key);
  if (sensor?.name) return pick(sensor.name);
  return districtName(store, alert.district);
}

/** What a count stands for. */
export function countedName(evidence) {
  const key = { cell: 'cellOf', outage: 'outageOf' }[evidence.source] || 'reportsHead';
  return t(key, { n: number(evidence.value) });
}

/** One line: what, how much, when. */
export function headline(store, alert) {
  if (alert.headline) return pick(alert.headline);
  const main = mainEvidence(alert);
  if (!main) return reason(alert.reason);
  if (counted(main)) return countedName(main);
  const unit = unitOf(store, main);
  return t('valueWhere', {
    kind: kindName(main.kind),
    value: quantity(main.value, main.kind, unit),
    expected: quantity(main.expected, main.kind, unit),
  });
}

/** The same for a thin row, what matters first: the value, then what was expected, or its level. */
export function brief(store, alert) {
  const main = mainEvidence(alert);
  if (!main) return [headline(store, alert)];
  if (counted(main)) return [countedName(main)];
  const [value, expected, unit] = pair(main.value, main.expected, main.kind, unitOf(store, main));
  const than = t(main.source === 'level' ? 'briefLevel' : 'briefSensor', { expected });
  return [unit ? `${value}${NBSP}${unit}` : value, than];
}

/** How soon, or for how long: `{kind, value}`; kind is in, at, for, due, was or none. */
export function lead(alert, now, stale) {
  const ahead = alert.onset - now;
  const observed = alert.certainty === 'Observed' || alert.onset <= alert.first;
  if (alert.status !== 'active' || shelved(alert, now)) return { kind: 'none', value: '' };
  if (stale && (ahead > 0 || !observed)) return { kind: 'at', value: time(alert.onset) };
  if (ahead >= MINUTE) return { kind: 'in', value: span(ahead) };
  if (observed && ahead <= 0)
    return stale ? { kind: 'none', value: '' } : { kind: 'for', value: span(-ahead) };
  return ahead > -MINUTE
    ? { kind: 'due', value: t('dueNow') }
    : { kind: 'was', value: t('wasDue', { time: time(alert.onset) }) };
}
