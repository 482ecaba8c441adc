// Why: every piece of evidence with its value, what was expected, and how surprising it is.
// What disagrees is listed too, hollow, and counted in the heading.
import { h, keep } from './dom.js';
import { NBSP, number, pair } from './format.js';
import { lang, t } from './i18n.js';
import { evidenceIcon, levelMark } from './icons.js';
import { UNUSUAL, counted, countedName, evidenceOf, levelName, sensorName, unitOf } from './say.js';
import { isWall } from './screen.js';

const MOST = 10;
const SHOWN = 6;

export function why(host, screen, alert, redraw) {
  const all = evidenceOf(alert);
  host.hidden = !all.length;
  const open = screen.more.has('why');
  keep(host, [lang(), all, open, isWall(), screen.store.revision.city], () => {
    const agree = all.filter((e) => e.surprisal >= UNUSUAL).length;
    const rest = all.length - agree;
    const note = rest ? t('agreeNot', { n: agree, m: rest }) : t('agree', { n: agree });
    const few = open || all.length <= SHOWN + 1 ? all : all.slice(0, SHOWN);
    return [
      h('h2', null, t('why'), h('span', null, note)),
      h(
        'div.evs',
        null,
        head(),
        few.map((e) => row(screen.store, e)),
      ),
      few.length < all.length && more(screen, all.length - few.length, 'why', redraw),
    ];
  });
}

const head = () =>
  h(
    'div.ev.hd',
    null,
    h('span'),
    h('span'),
    h('span.v', null, t('value')),
    h('span.x', null, t('expectedOrLevel')),
    h('span.su.hd3', null, t('surprisal')),
  );

/** A button that opens a list further. */
export function more(screen, n, name, redraw) {
  const open = () => {
    screen.more.add(name);
    redraw();
  };
  return h('button.more', { type: 'button', onclick: open }, t('showMore', { n }));
}

// A faulty sensor's evidence counts less, and says why where one points at it.
function told(e) {
  const level = e.level && t('levelOf', { level: levelName(e.level) });
  const fault = e.fault && t('faultOf', { fault: t(`fault_${e.fault}`) });
  return [e.key, level, fault].filter(Boolean).join(' · ');
}

function row(store, e) {
  const [value, expected] = counted(e)
    ? [number(e.value), number(e.expected, e.expected < 10 ? 1 : 0)]
    : measured(store, e);
  const width = `${Math.min(1, Math.max(0, e.surprisal) / MOST) * 100}%`;
  return h(
    e.surprisal >= UNUSUAL ? 'div.ev' : 'div.ev.no',
    { title: told(e) },
    e.source === 'level' && e.level ? levelMark(e.level) : evidenceIcon(e),
    h('b', null, title(store, e)),
    h('span.v', null, value),
    h('span.x', null, expected),
    h(
      'span.su',
      null,
      h('i.sb', null, h('u', { style: { width } }), h('s')),
      h('em', null, number(e.surprisal, 1)),
    ),
  );
}

function measured(store, e) {
  const [value, expected, unit] = pair(e.value, e.expected, e.kind, unitOf(store, e));
  return [`${value}${NBSP}${unit}`, expected];
}

const title = (store, e) => (counted(e) ? countedName(e) : sensorName(store, e.key, e.kind));
