// Without WebGL the map column is the list of districts with their warnings by level.
import { $, h, keep } from '../dom.js';
import { lang, t } from '../i18n.js';
import { levelMark } from '../icons.js';
import { districtName } from '../say.js';
import { shelved } from '../store.js';

const LEVELS = [1, 2, 3, 4];

export class Districts {
  #host = h('div.districts');

  constructor(screen) {
    this.screen = screen;
    $('#map').append(this.#host);
    document.documentElement.dataset.map = 'list';
  }

  draw() {
    const { store, asOf } = this.screen;
    $('#map-pane').setAttribute('aria-label', t('map'));
    const live = store.active(asOf).shown.filter((a) => !shelved(a, asOf));
    const ids = [
      ...new Set([...(store.city?.districts || []).map((d) => d.id), ...live.map((a) => a.district)]),
    ];
    const rows = ids.map((id) => [
      districtName(store, id),
      LEVELS.map((l) => live.filter((a) => a.district === id && a.level === l).length),
    ]);
    const weight = ([, n]) => n.reduce((sum, count, i) => sum + count * 1000 ** (3 - i), 0);
    rows.sort((a, b) => weight(b) - weight(a));
    keep(this.#host, [lang(), rows], () => [h('p', null, t('noMap')), table(rows)]);
  }
}

function table(rows) {
  const head = h(
    'tr',
    null,
    h('th', { scope: 'col' }, t('district')),
    LEVELS.map((l) => h('td', null, levelMark(l))),
  );
  const body = rows.map(([name, counts]) =>
    h(
      'tr',
      null,
      h('th', { scope: 'row' }, name),
      counts.map((n) => h(n ? 'td' : 'td.zero', null, String(n))),
    ),
  );
  return h('table', null, h('thead', null, head), h('tbody', null, body));
}
