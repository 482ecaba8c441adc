// How numbers, units, durations and times are written, in both languages.
import { lang, t } from './i18n.js';
import { KINDS, UNITS } from './words.js';

export const NBSP = '\u00a0';
export const DASH = '–';
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LAST_MS = 8.64e15; // beyond it no time has a date
const zh = () => lang() === 'zh';

let zone = 'UTC';
const formats = new Map();

/** The city's own time zone: a wall in another one would tell the wrong hour. */
export function useZone(name) {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    zone = name;
  } catch {
    zone = 'UTC'; // a city file may name a zone this browser does not know
  }
  formats.clear();
}

function parts(ms, options) {
  if (!(Math.abs(ms ?? NaN) <= LAST_MS)) return DASH;
  const key = lang() + JSON.stringify(options);
  if (!formats.has(key)) {
    const locale = zh() ? 'zh-CN' : 'en-GB';
    formats.set(key, new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: 'h23', ...options }));
  }
  return formats.get(key).format(ms);
}

export const time = (ms) => parts(ms, { hour: '2-digit', minute: '2-digit' });
export const seconds = (ms) => parts(ms, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
export const hourOf = (ms) => Number(parts(ms, { hour: '2-digit' }).replace(/\D/g, ''));

export function date(ms) {
  if (zh()) return `${parts(ms, { month: 'long', day: 'numeric' })} ${parts(ms, { weekday: 'short' })}`;
  return parts(ms, { weekday: 'short', day: 'numeric', month: 'short' }).replace(',', '');
}

/** Time in words for a story: the day is said when it is not today. */
export const when = (ms, now) =>
  Math.abs(now - ms) < 20 * HOUR ? time(ms) : parts(ms, { month: '2-digit', day: '2-digit' });

export const unit = (n, en, zhUnit) => `${n}${NBSP}${zh() ? zhUnit : en}`;

/** A lead time or a span: whole minutes, then hours and minutes, then days. */
export function span(ms) {
  const minutes = Math.max(0, Math.floor(ms / MINUTE));
  if (minutes < 60) return unit(minutes, 'min', '分');
  if (ms >= 2 * DAY) return unit(Math.floor(ms / DAY), 'd', '天');
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  if (hours >= 10) return unit(Math.round(ms / HOUR), 'h', '时');
  if (!rest) return unit(hours, 'h', '时');
  return zh()
    ? `${hours}${NBSP}时${NBSP}${rest}${NBSP}分`
    : `${hours}${NBSP}h${NBSP}${String(rest).padStart(2, '0')}`;
}

/** The same within a sentence, where the minutes need their word. */
export function spanSaid(ms) {
  const said = span(ms);
  return /h\u00a0\d+$/.test(said) ? `${said}${NBSP}min` : said;
}

/** Age of something that happened: seconds first. */
export function age(ms) {
  if (ms < MINUTE) return unit(Math.max(0, Math.floor(ms / SECOND)), 's', '秒');
  return span(ms);
}

/** Minutes and seconds of a countdown. */
export function countdown(ms) {
  const total = Math.max(0, Math.round(ms / SECOND));
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, '0')}`;
}

/** A short age with a decimal while it is short: a heartbeat, a feed's lag. */
export function lag(ms) {
  if (ms < 10 * SECOND) return unit((Math.max(0, ms) / SECOND).toFixed(1), 's', '秒');
  return age(ms);
}

export function number(value, digits = 0) {
  if (!Number.isFinite(value)) return DASH;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Decimals that decide for this kind at this size. */
export function digitsOf(kind, value) {
  const size = Math.abs(value);
  const known = KINDS[kind];
  if (!known) return size >= 100 ? 0 : size >= 10 ? 1 : 2;
  if (known.digits === 1 && size >= 10) return 0;
  return known.digits;
}

export const unitName = (code) => (UNITS[code] || [code || '', code || ''])[zh() ? 1 : 0];

const SCALES = {
  kW: [
    { from: 1e6, by: 1e6, name: 'GW', digits: 2 },
    { from: 1e4, by: 1e3, name: 'MW', digits: 1 },
  ],
};
const scaleOf = (value, code) => SCALES[code]?.find(({ from }) => Math.abs(value) >= from);

/** Value and unit apart, so that one of them may be set smaller. */
export function measure(value, kind, code) {
  if (!Number.isFinite(value)) return { value: DASH, unit: '' };
  const scale = scaleOf(value, code);
  if (scale) return { value: number(value / scale.by, scale.digits), unit: unitName(scale.name) };
  return { value: number(value, digitsOf(kind, value)), unit: unitName(code) };
}

/** Value with its unit behind a space that does not break. */
export function quantity(value, kind, code) {
  const said = measure(value, kind, code);
  return said.unit ? `${said.value}${NBSP}${said.unit}` : said.value;
}

/** Two values of one kind and their unit, with the decimals it takes to tell them apart, three at most. */
export function pair(a, b, kind, code) {
  const scale = scaleOf(a, code);
  const unit = unitName(scale?.name ?? code);
  const least = (v) => scale?.digits ?? digitsOf(kind, v);
  let said;
  for (let digits = least(a); digits <= 3; digits++) {
    said = [a, b].map((v) => number(v / (scale?.by ?? 1), Math.max(digits, least(v))));
    if (said[0] !== said[1]) return [...said, unit];
  }
  return [number(a / (scale?.by ?? 1), least(a)), number(b / (scale?.by ?? 1), least(b)), unit];
}

/** How fast messages come. */
export function rate(perSecond) {
  if (perSecond >= 1000)
    return zh()
      ? t('perSecond', { n: number(Math.round(perSecond / 10) * 10) })
      : t('perSecondK', { n: number(perSecond / 1000, 1) });
  if (perSecond >= 10) return t('perSecond', { n: number(perSecond) });
  if (perSecond >= 1) return t('perSecond', { n: number(perSecond, 1) });
  if (perSecond * 60 >= 1) return t('perMinute', { n: number(perSecond * 60, perSecond * 60 < 10 ? 1 : 0) });
  return t('perHour', { n: number(perSecond * 3600, 0) });
}

export const kindName = (kind) => (KINDS[kind]?.name || [kind, kind])[zh() ? 1 : 0];
export const list = (words) => words.join(zh() ? '、' : ', ');
