// The phone's three pages.
import { $, h, keep } from './dom.js';
import { lang, t } from './i18n.js';
import { sign } from './icons.js';
import { shelved } from './store.js';

const TABS = [
  ['alerts', 'list', 'warnings'],
  ['map', 'map', 'map'],
  ['city', 'pulse', 'city'],
];

export class Tabs {
  constructor(screen, redraw) {
    this.screen = screen;
    this.redraw = redraw;
  }

  draw() {
    const { tab, store, asOf } = this.screen;
    document.documentElement.dataset.tab = tab;
    const n = store.active(asOf).shown.filter((a) => !shelved(a, asOf)).length;
    keep($('#tabs'), [tab, n, lang()], () => TABS.map(([id, icon, word]) => this.#tab(id, icon, word, n)));
  }

  #tab(id, icon, word, n) {
    const go = () => {
      this.screen.tab = id;
      this.redraw();
    };
    const on = this.screen.tab === id;
    return h(
      on ? 'button.on' : 'button',
      { type: 'button', 'aria-current': on ? 'page' : null, onclick: go },
      sign(icon),
      h('span', null, t(word)),
      id === 'alerts' && n > 0 && h('em', null, String(n)),
    );
  }
}
