// What a warning says of itself, and what the screen says for it while a field is still empty.
import { kindName, list, quantity, span, time } from './format.js';
import { lang, pick, t } from './i18n.js';
import { shelved } from './store.js';

const MINUTE = 60_000;

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
const ofSensor = (evidence) => ['sensor', 'level', 'outage'].includes(evidence.source);

/** The sensor whose curve tells this warning best. */
export function mainSensor(alert) {
  return alert.forecast?.sensor || evidenceOf(alert).find(ofSensor)?.key || null;
}

export const mainEvidence = (alert) => evidenceOf(alert).find((e) => e.key === mainSensor(alert)) || evidenceOf(alert)[0];
export const unitOf = (store, { key, kind }) => store.sensor(key)?.unit || DEFAULT_UNITS[kind] || '';

// Units of kinds whose sensor the city file does not list.
const DEFAULT_UNITS = { river_level: 'm', rain: 'mm/h', street_water: 'cm', traffic_speed: 'km/h', traffic_flow: '1/h', traffic_occupancy: '%', travel_time: 's', pm25: 'ug/m3', no2: 'ug/m3', gas_ch4: '%{LEL}', smoke: '%/m', noise: 'dB', slope_tilt: 'mm', water_pressure: 'kPa', power_load: 'kW', temperature: 'Cel' };

/** How many unusual sensors and reports stand behind a warning. */
export function counts(alert) {
  const agreeing = alert.evidence.filter((e) => !(e.surprisal < UNUSUAL));
  const sensors = new Set(agreeing.filter(ofSensor).map((e) => e.key)).size;
  const reports = agreeing.filter((e) => e.source === 'report').reduce((n, e) => n + Math.round(e.value || 0), 0);
  return { sensors, reports };
}

export function place(store, alert) {
  if (alert.place) return pick(alert.place);
  const main = mainEvidence(alert);
  const sensor = main && store.sensor(main.key);
  if (sensor?.name) return pick(sensor.name);
  return districtName(store, alert.district);
}

/** One line: what, how much, when. */
export function headline(store, alert) {
  if (alert.headline) return pick(alert.headline);
  const main = mainEvidence(alert);
  if (!main) return reason(alert.reason);
  if (main.source === 'report') return t('reportsHead', { n: counts(alert).reports });
  const unit = unitOf(store, main);
  return t('valueWhere', { kind: kindName(main.kind), value: quantity(main.value, main.kind, unit), expected: quantity(main.expected, main.kind, unit) });
}

const REASONS = [
  [/^issued:? ?/i, '发布：'],
  [/^escalated:? ?/i, '升级：'],
  [/^de-?escalated:? ?|^lowered:? ?/i, '降级：'],
  [/^cleared:? ?/i, '解除：'],
  [/^updated:? ?/i, '更新：'],
];
const PHRASES = [
  [/(\d+) sensors? and (\d+) reports? agree/g, '$1 个传感器、$2 条报告一致'],
  [/(\d+) sensors agree/g, '$1 个传感器一致'],
  [/(\d+) reports agree/g, '$1 条报告一致'],
  [/one sensor alone/g, '仅一个传感器'],
  [/acknowledged by (\S+)/g, '$1 签收'],
  [/confirmed by (\S+)/g, '$1 判定属实'],
  [/shelved by (\S+)/g, '$1 搁置'],
];

/** The engine's reason, in the operator's language as far as its phrases are known. */
export function reason(text) {
  if (lang() !== 'zh') return text ? text[0].toUpperCase() + text.slice(1) : '';
  let said = text || '';
  for (const [pattern, zh] of REASONS) if (pattern.test(said)) said = said.replace(pattern, zh);
  for (const [pattern, zh] of PHRASES) said = said.replace(pattern, zh);
  return said.replace(/：$/, '');
}

/** How soon, or for how long: `{kind, value}`; kind is in, at, for, due, was or none. */
export function lead(alert, now, stale) {
  const ahead = alert.onset - now;
  const observed = alert.certainty === 'Observed' || alert.onset <= alert.first;
  if (alert.status !== 'active' || shelved(alert)) return { kind: 'none', value: '' };
  if (!observed && stale) return { kind: 'at', value: time(alert.onset) };
  if (ahead >= MINUTE) return { kind: 'in', value: span(ahead) };
  if (observed && ahead <= 0) return stale ? { kind: 'none', value: '' } : { kind: 'for', value: span(-ahead) };
  return ahead > -MINUTE ? { kind: 'due', value: t('dueNow') } : { kind: 'was', value: t('wasDue', { time: time(alert.onset) }) };
}

export { list };
