// The list of warnings: level, then newest. It never moves under a hand, and what does not fit is
// folded by level and hazard, never red.
import { $, h, keep, keepEach } from './dom.js';
import { lang, t } from './i18n.js';
import { sign } from './icons.js';
import { quietItems } from './quiet.js';
import { alertRow, blueRow, foldFacts, foldRow, rowFacts } from './row.js';
import { districtName, hazardName, headline, place } from './say.js';
import { isPhone, isWall } from './screen.js';
import { shelved } from './store.js';

const FOLD_FROM = 30;
const FEW = 7;
const QUIET_ROWS = [6, 3, 2];
const HAND_MS = 2000;

export class List {
  #head = h('div.l-head');
  #rows = h('div.rows', { role: 'listbox' });
  #box = null;
  #order = [];
  #handAt = -Infinity;
  #open = new Set();
  #fitted = { key: '', i: 0 };

  constructor(screen, choose, redraw) {
    this.screen = screen;
    this.choose = choose;
    this.redraw = redraw;
    const pane = $('#list-pane');
    pane.append(this.#head, this.#rows);
    const hand = () => {
      this.#handAt = performance.now();
    };
    pane.addEventListener('pointermove', hand);
    addEventListener('keydown', hand);
  }

  draw() {
    const { store, asOf } = this.screen;
    const { shown, suppressed } = store.active(asOf);
    const live = shown.filter((a) => !shelved(a, asOf));
    const over = live.length > FOLD_FROM;
    $('#list-pane').setAttribute('aria-label', t('warnings'));
    this.#rows.setAttribute('aria-label', t('warnings'));
    this.#drawHead(live.length, over);
    this.#rows.classList.toggle('few', live.length < FEW);
    const found = this.#found(this.#steady(shown));
    this.#fit(this.#choices(found, suppressed, live.length, over), found);
  }

  // What the list may show, best first: how much is folded, and how much of the quiet room beneath.
  #choices(found, suppressed, live, over) {
    const { find } = this.screen;
    const quiet = (most) => (find != null ? [] : quietItems(this.screen, live, most));
    const rows = (fold, below) => ({
      over: over || fold > 2,
      items: () => [...this.#items(found, fold), ...this.#foot(suppressed), ...below],
    });
    const first = over && !find ? 2 : isWall() ? 1 : 0;
    const lists = QUIET_ROWS.map(quiet);
    const [full] = lists;
    if (live < FEW && isPhone()) return [rows(first, full)];
    // Of a few warnings all of it is there, if need be by scrolling.
    if (live < FEW && !isWall()) return [...lists, full].map((q) => rows(first, q));
    if (isPhone()) return [rows(first, [])];
    const filled = full.flatMap((_, i) => lists.map((q) => rows(first, q.slice(0, q.length - i))));
    return [...filled, rows(first, []), ...(isWall() ? [rows(2, []), rows(3, [])] : [])];
  }

  // The first choice that fits is kept until what is listed changes: nobody scrolls a wall.
  #fit(choices, found) {
    const key = JSON.stringify([
      lang(),
      choices.length,
      this.#rows.clientHeight,
      [...this.#open],
      found.map((a) => [a.id, a.level, shelved(a, this.screen.asOf)]),
    ]);
    const draw = ({ over, items }) => {
      this.#rows.classList.toggle('over', over);
      keepEach(this.#rows, items());
      return this.#rows.scrollHeight <= this.#rows.clientHeight;
    };
    if (key !== this.#fitted.key) {
      const i = choices.findIndex(draw);
      this.#fitted = { key, i: i < 0 ? choices.length - 1 : i };
    }
    draw(choices[this.#fitted.i]);
  }

  #drawHead(n, over) {
    const { find } = this.screen;
    this.#head.classList.toggle('finding', find != null);
    keep(this.#head, [n, over, find != null, lang()], () => {
      const count = [h('b', null, String(n)), ` ${t('active')}`];
      if (find != null) return [...count, this.#searchBox()];
      const button = h(
        'button.find',
        { type: 'button', onclick: () => this.search() },
        sign('find'),
        t('find'),
        ' ',
        h('kbd', null, '/'),
      );
      return [...count, h('span', null, over ? t('folded') : n ? t('order') : ''), button];
    });
  }

  #searchBox() {
    const typed = () => {
      this.screen.find = this.#box.value;
      this.redraw();
    };
    this.#box ??= h('input.find-box', { type: 'search', oninput: typed });
    this.#box.placeholder = t('findHint');
    this.#box.setAttribute('aria-label', t('find'));
    return this.#box;
  }

  search() {
    this.screen.find ??= '';
    this.draw();
    this.#box.value = this.screen.find;
    this.#box.focus();
  }

  stopSearch() {
    this.screen.find = null;
    this.redraw();
  }

  // While a pointer or key is at work the known rows keep their places.
  #steady(alerts) {
    if (performance.now() - this.#handAt < HAND_MS) {
      const rank = new Map(this.#order.map((id, i) => [id, i]));
      const at = (a) => rank.get(a.id) ?? Infinity;
      return [...alerts].sort((a, b) => (at(a) === at(b) ? 0 : at(a) - at(b)));
    }
    this.#order = alerts.map((a) => a.id);
    return alerts;
  }

  #found(alerts) {
    const text = (this.screen.find || '').trim().toLowerCase();
    if (!text) return alerts;
    const { store } = this.screen;
    const words = (a) =>
      [place(store, a), headline(store, a), hazardName(a.hazard), districtName(store, a.district), a.id]
        .join(' ')
        .toLowerCase();
    return alerts.filter((a) => words(a).includes(text));
  }

  /** Ids in the order of the list, for j and k. */
  ids() {
    return [...this.#rows.querySelectorAll('[data-id]')].map((row) => row.dataset.id);
  }

  // Fold 0: every row. 1: blue ones on one line. 2: yellow and blue by level and hazard.
  #items(alerts, fold) {
    if (this.screen.find && !alerts.length)
      return [{ key: 'none', sign: lang(), build: () => h('p.none', null, t('noneFound')) }];
    const rows = (list) => list.map((a) => this.#row(a));
    const { asOf } = this.screen;
    const put = isWall() ? [] : alerts.filter((a) => shelved(a, asOf));
    const live = alerts.filter((a) => !shelved(a, asOf));
    if (fold >= 2)
      return [
        ...rows(live.filter((a) => a.level < 3)),
        ...this.#folds(live.filter((a) => a.level > 2)),
        ...rows(put),
      ];
    const blue = live.filter((a) => a.level === 4);
    if (fold === 0 || blue.length < 2) return rows([...live, ...put]);
    const sign = JSON.stringify([
      lang(),
      this.screen.store.revision.city,
      blue.map((a) => [a.id, a.version]),
    ]);
    return [
      ...rows(live.filter((a) => a.level < 4)),
      { key: 'blue', sign, build: () => blueRow(this.screen.store, blue) },
    ];
  }

  #row(alert) {
    const facts = rowFacts(this.screen, alert, alert.id === this.screen.shown);
    return {
      key: alert.id,
      sign: JSON.stringify(facts),
      build: () => alertRow(alert, facts, () => this.choose(alert.id)),
    };
  }

  #folds(alerts) {
    const groups = Map.groupBy(alerts, (a) => `${a.level} ${a.hazard}`);
    const worst = [...groups].sort(([, a], [, b]) => a[0].level - b[0].level || b.length - a.length);
    return worst.flatMap(([key, group]) => {
      const toggle = () => {
        if (!this.#open.delete(key)) this.#open.add(key);
        this.redraw();
      };
      const fold = {
        key,
        sign: JSON.stringify(foldFacts(this.screen.store, group)),
        build: () => foldRow(this.screen.store, group, toggle),
      };
      return this.#open.has(key) ? [fold, ...group.map((a) => this.#row(a))] : [fold];
    });
  }

  #foot(suppressed) {
    if (!suppressed.length) return [];
    const { showSuppressed } = this.screen;
    const toggle = () => {
      this.screen.showSuppressed = !showSuppressed;
      this.redraw();
    };
    const line = () =>
      h(
        'div.sup',
        null,
        sign('layers'),
        h('span', null, t('suppressed', { n: suppressed.length })),
        h('button', { type: 'button', onclick: toggle }, t(showSuppressed ? 'hide' : 'show')),
      );
    const rows = showSuppressed ? this.#found(suppressed).map((a) => this.#row(a)) : [];
    return [
      { key: 'suppressed', sign: JSON.stringify([lang(), suppressed.length, showSuppressed]), build: line },
      ...rows,
    ];
  }
}
