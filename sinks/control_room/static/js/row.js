// One warning in the list, and the rows that stand for several.
import { h } from './dom.js';
import { age, list, time } from './format.js';
import { lang, named, t } from './i18n.js';
import { hazardIcon, levelMark, sign, trendIcon } from './icons.js';
import { leadSmall } from './lead.js';
import { brief, counts, districtName, hazardName, headline, lead, levelName, place } from './say.js';
import { acked, shelved } from './store.js';

const NEW_MS = 60_000;

/** Everything a row shows; a row is rebuilt when this changes. */
export function rowFacts(screen, alert, selected) {
  const { store, stale, asOf } = screen;
  const arrived = store.arrived.get(alert.id);
  const since = arrived == null ? Infinity : performance.now() - arrived;
  const put = shelved(alert, asOf);
  const thin = alert.level === 4 || put;
  return {
    lang: lang(),
    selected,
    stale,
    level: alert.level,
    hazard: alert.hazard,
    trend: alert.trend,
    place: place(store, alert),
    said: thin ? brief(store, alert) : [headline(store, alert)],
    lead: lead(alert, asOf, stale),
    ...counts(alert),
    age: stale ? '' : age(asOf - alert.time),
    marks: alert.marks,
    sent: store.sent.get(alert.id)?.state,
    fresh: since < 1200,
    isNew: !stale && !acked(alert) && since < NEW_MS,
    acked: acked(alert),
    shelved: put,
    thin,
  };
}

/** A row; blue and shelved ones are one line. */
export function alertRow(alert, f, onclick) {
  const classes = [
    'button.row',
    `l${f.shelved ? 4 : alert.level}`,
    f.thin && 'thin',
    f.selected && 'sel',
    f.acked && 'acked',
    f.shelved && 'shelved',
    f.fresh && 'fresh',
    !f.acked && !f.thin && 'edge',
  ];
  const marks = markNotes(f);
  return h(
    classes.filter(Boolean).join('.'),
    { type: 'button', role: 'option', 'aria-selected': String(f.selected), 'data-id': alert.id, onclick },
    h(
      'div.r-l',
      null,
      levelMark(alert.level, f.shelved),
      h(`span.w${alert.level}`, null, levelName(alert.level)),
    ),
    h('div.r-t', null, hazardIcon(alert.hazard), h('b', null, f.place)),
    h('p', null, f.thin ? f.said.map((part) => h('span', null, part)) : f.said),
    f.thin ? h('div.r-m', null, marks) : h('div.r-m', null, tally(f), marks),
    h('div.r-r', null, f.lead.kind !== 'none' && leadSmall(f.lead), trendIcon(alert.trend)),
  );
}

function tally(f) {
  return [
    h('span.num', { title: t('sensor') }, sign('sensor'), f.cut ? `${f.sensors}+` : String(f.sensors)),
    h('span.num', { title: t('reports') }, sign('report'), String(f.reports)),
    f.age && h('span.age', null, f.age),
  ];
}

function markNotes(f) {
  const { acknowledged, confirmed, passed_to: passed, shelved_until: until } = f.marks || {};
  return [
    f.isNew && h('em.new', null, t('fresh')),
    f.sent === 'sending' && h('em', null, sign('pending')),
    acknowledged && !confirmed && h('em', null, sign('check'), named(acknowledged)),
    confirmed && h('em', null, sign('checks'), named(confirmed)),
    passed && h('em.esc', null, sign('escalate'), named(passed)),
    f.shelved && h('em', null, sign('shelve'), t('shelvedTo', { time: time(until) })),
  ];
}

/** Several warnings of one level and hazard as one line: count, districts, how many nobody took. */
export function foldRow(store, alerts, onclick) {
  const [{ level, hazard }] = alerts;
  const un = alerts.filter((a) => !acked(a)).length;
  const edge = level === 3 && un ? '.edge' : '';
  return h(
    `button.row.thin.fold.l${level}${edge}`,
    { type: 'button', onclick },
    h('div.r-l', null, levelMark(level), h(`span.w${level}`, null, levelName(level))),
    h(
      'div.r-t',
      null,
      hazardIcon(hazard),
      h('b', null, hazardName(hazard)),
      h('strong', null, String(alerts.length)),
    ),
    h('p', null, districtTally(store, alerts)),
    h('div.r-r', null, un > 0 && h('span.un', null, t('unacked', { n: un }))),
  );
}

/** What a fold says; it is rebuilt when this changes. */
export const foldFacts = (store, alerts) => [
  lang(),
  alerts.length,
  districtTally(store, alerts),
  alerts.filter((a) => !acked(a)).length,
];

/** The wall's single line for all blue ones. */
export function blueRow(store, alerts) {
  return h(
    'div.row.thin.blue.l4',
    null,
    h('div.r-l', null, levelMark(4), h('span.w4', null, levelName(4))),
    h('p', null, h('b', null, String(alerts.length)), ' ', list(alerts.map((a) => place(store, a)))),
  );
}

function districtTally(store, alerts) {
  const by = new Map();
  for (const alert of alerts) by.set(alert.district, (by.get(alert.district) || 0) + 1);
  const worst = [...by].sort((a, b) => b[1] - a[1]);
  return list(worst.map(([id, n]) => districtName(store, id) + (n > 1 ? ` ${n}` : '')));
}
