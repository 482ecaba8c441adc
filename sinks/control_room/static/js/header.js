// Header: the city and its weather | how many, how bad | is it live, and the time.
import { $, h, keep, write } from './dom.js';
import { date, lag, quantity, seconds } from './format.js';
import { lang, pick, speak, t } from './i18n.js';
import { levelMark, sign, trendIcon } from './icons.js';
import { levelName } from './say.js';
import { shelved } from './store.js';

const LEVELS = [1, 2, 3, 4];
const PHASES = { live: 'live', catching: 'catching', stale: 'stale', connecting: 'connecting' };

export class Header {
  #parts = {
    city: h('div.h-city'),
    cond: h('div.h-cond'),
    counts: h('div.h-counts', { role: 'status' }),
    conn: h('div.conn'),
    sound: h('button.snd', { type: 'button' }),
    lang: h('div.lang', { role: 'group' }),
  };
  #clock = h('b');
  #date = h('span');
  #progress = h('i.progress', { hidden: true });
  #age = h('span');
  #beat = h('i.beat');
  #beatAt = null;

  constructor(screen, sound, redraw) {
    this.screen = screen;
    this.sound = sound;
    this.redraw = redraw;
    const p = this.#parts;
    p.sound.onclick = () => sound.toggle().then(redraw);
    const state = h(
      'div.h-state',
      null,
      p.conn,
      p.sound,
      p.lang,
      h('div.clock', null, this.#clock, this.#date),
    );
    $('#head').append(p.city, p.cond, p.counts, state, this.#progress);
  }

  draw() {
    this.#city();
    this.#conditions();
    this.#counts();
    this.#link();
    this.#sound();
    this.#languages();
    this.#time();
  }

  #city() {
    const { city } = this.screen.store;
    const name = city ? pick({ en: city.name, zh: city.name_zh }) : 'citywatch';
    keep(this.#parts.city, [name, lang()], () => [
      sign('mark', 'mark'),
      h('b', null, name),
      h('span', null, t('service')),
    ]);
  }

  #conditions() {
    const conditions = this.screen.store.overview.conditions || {};
    const known = ['river', 'rain', 'wind'].filter((name) => conditions[name]);
    keep(this.#parts.cond, [known.map((name) => conditions[name]), lang()], () =>
      known.map((name) => {
        const { value, unit, trend, name: title } = conditions[name];
        const kind = { river: 'river_level', rain: 'rain' }[name];
        return h(
          'span',
          null,
          sign(name),
          h('em', null, title ? pick(title) : t(`${name}Word`)),
          quantity(value, kind, unit),
          trend !== 'steady' && trendIcon(trend),
        );
      }),
    );
  }

  #counts() {
    const { store, asOf } = this.screen;
    const live = store.active(asOf).shown.filter((a) => !shelved(a, asOf));
    const n = LEVELS.map((level) => live.filter((a) => a.level === level).length);
    this.#parts.counts.classList.toggle('tens', Math.max(...n) > 9);
    const reds = n[0] ? `(${n[0]}) ` : '';
    document.title = `${reds}${store.city?.name || ''} citywatch`;
    keep(this.#parts.counts, [n, lang()], () =>
      LEVELS.map((level, i) =>
        h(
          n[i] ? 'div.count' : 'div.count.zero',
          null,
          levelMark(level, !n[i]),
          h('b', null, String(n[i])),
          h(`span.w${level}`, null, levelName(level)),
        ),
      ),
    );
  }

  #link() {
    const { phase, link } = this.screen;
    document.documentElement.dataset.phase = phase;
    keep(this.#parts.conn, [phase, lang(), link.progress], () => {
      const mark = { catching: sign('catching'), stale: sign('stop') }[phase] || this.#beat;
      const percent =
        phase === 'catching' &&
        link.progress != null &&
        h('span', null, `${Math.round(link.progress * 100)}\u00a0%`);
      return [mark, h('b', null, t(PHASES[phase])), phase === 'live' ? this.#age : percent || null];
    });
    write(this.#age, link.heardAt == null ? '' : lag(performance.now() - link.heardAt));
    if (link.beatAt !== this.#beatAt) this.#pulse(link.beatAt);
    this.#progress.hidden = phase !== 'catching' || link.progress == null;
    this.#progress.style.width = `${(link.progress || 0) * 100}%`;
  }

  #pulse(beatAt) {
    this.#beatAt = beatAt;
    this.#beat.classList.remove('on');
    void this.#beat.offsetWidth; // restarts the ring
    this.#beat.classList.add('on');
  }

  #sound() {
    const { armed } = this.sound;
    const button = this.#parts.sound;
    button.setAttribute('aria-pressed', armed);
    button.title = t(armed ? 'armed' : 'arm');
    keep(button, [armed, lang()], () => [
      sign(armed ? 'bell' : 'belloff'),
      h('span', null, t(armed ? 'armed' : 'arm')),
    ]);
  }

  #languages() {
    keep(this.#parts.lang, lang(), () =>
      [
        ['en', 'EN'],
        ['zh', '中文'],
      ].map(([code, name]) => {
        const change = () => {
          speak(code);
          this.redraw();
        };
        return h(
          lang() === code ? 'button.on' : 'button',
          { type: 'button', lang: code, 'aria-pressed': String(lang() === code), onclick: change },
          name,
        );
      }),
    );
  }

  // The clock runs on even when the data do not: it is the one thing known to be true.
  #time() {
    const { clock } = this.screen;
    const now = clock.now();
    const text = seconds(now);
    keep(this.#clock, text, () => [text.slice(0, 5), h('i', null, text.slice(5))]);
    const replay = clock.speed === 1 ? '' : ` · ${clock.speed}×`;
    write(this.#date, date(now) + replay);
  }
}
