// The red banner of a frozen screen: since when, true for what time, and what to do.
import { $, h, keep, write } from './dom.js';
import { age, seconds } from './format.js';
import { lang, t } from './i18n.js';
import { sign } from './icons.js';

export class Banner {
  #age = h('b');
  #right = h('div.b-r');

  constructor(screen) {
    this.screen = screen;
  }

  draw() {
    const { stale, clock } = this.screen;
    const host = $('#banner');
    document.documentElement.toggleAttribute('data-stale', stale);
    host.hidden = !stale;
    if (!stale) return;
    const since = clock.known ? seconds(clock.said) : '';
    keep(host, [since, lang()], () => [
      h('div.b-t', null, sign('stop'), this.#age),
      this.#message(since),
      this.#right,
    ]);
    write(this.#age, t('staleFor', { age: age(this.screen.staleAge) }));
    write(this.#right, this.#reason());
  }

  #reason() {
    const { link } = this.screen;
    if (!link.open) return t('reconnecting', { n: Math.max(1, link.tries) });
    if (this.screen.store.overview.broker?.away_since) return t('brokerAway');
    return t(link.flow === 'stale' ? 'engineSilent' : 'noBeat');
  }

  #message(since) {
    if (!since) return h('div.b-m', null, t('staleEmpty'));
    const [before, after] = t('staleAsOf', { time: '\n' }).split('\n');
    return h('div.b-m', null, before, h('b', null, since), after);
  }
}
