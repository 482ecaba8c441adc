// The story of a warning, newest first: versions that changed something, and what people did.
import { h, keep } from './dom.js';
import { time, when } from './format.js';
import { lang, named, t } from './i18n.js';
import { levelMark, sign } from './icons.js';
import { reason } from './reason.js';
import { more } from './why.js';

const SHOWN = 6;

export function story(host, screen, alert, redraw) {
  const entries = events(screen.store.story(alert.id)).reverse();
  const open = screen.more.has('story');
  const now = screen.asOf;
  const lines = entries.map((e) => ({ ...e, when: when(e.time, now) }));
  keep(host, [lang(), alert.id, lines, open], () => {
    const few = open || lines.length <= SHOWN + 1 ? lines : [...lines.slice(0, SHOWN - 1), lines.at(-1)];
    return [
      h('h2', null, t('story'), h('span', null, alert.id)),
      ...few.map(line),
      few.length < lines.length ? more(screen, lines.length - few.length, 'story', redraw) : null,
    ];
  });
}

function line(e) {
  const mark = e.level ? levelMark(e.level, e.out) : sign(e.icon);
  return h(
    e.level ? 'div.st' : 'div.st.minor',
    null,
    h('time', null, e.when),
    h('i', null, mark),
    h('span', { title: e.text }, e.text),
    e.version ? h('em', null, `v${e.version}`) : null,
  );
}

// An update that changes neither level, marks nor the sense of the reason tells nothing new.
const sense = (text) => (text || '').replace(/[\d.]+/g, '#');

/** What happened, oldest first. */
export function events(versions) {
  return versions.flatMap((v, i) => {
    const before = versions[i - 1];
    const people = deeds(v.marks || {}, before?.marks || {});
    const turned = !before || before.level !== v.level || before.status !== v.status;
    const step = {
      time: v.time,
      level: v.level,
      out: v.status !== 'active',
      text: reason(v.reason),
      version: v.version,
    };
    const deed = people.map(([icon, text]) => ({ time: v.time, icon, text }));
    if (turned) return [...deed, step];
    if (deed.length || sense(v.reason) === sense(before.reason)) return deed;
    return [{ time: v.time, icon: 'pulse', text: reason(v.reason) }];
  });
}

function deeds(now, before) {
  const out = [];
  const changed = (name) => (now[name] ?? null) !== (before[name] ?? null);
  if (changed('acknowledged'))
    out.push(['check', now.acknowledged ? t('ackedBy', { who: named(now.acknowledged) }) : t('ackDropped')]);
  if (changed('confirmed') && now.confirmed) out.push(['checks', t('confirmedBy', { who: named(now.confirmed) })]);
  if (changed('shelved_until'))
    out.push([
      'shelve',
      now.shelved_until ? t('shelvedUntil', { time: time(now.shelved_until) }) : t('unshelved'),
    ]);
  if (changed('passed_to') && now.passed_to)
    out.push(['escalate', t('passedTo', { who: named(now.passed_to) })]);
  if (changed('suppressed_by') && now.suppressed_by)
    out.push(['layers', t('suppressedBy', { id: now.suppressed_by })]);
  return out;
}
