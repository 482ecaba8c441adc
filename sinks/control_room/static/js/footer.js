// Footer: how each feed arrives | how long a reading takes to this screen | how loaded the operators are.
import { $, h, keep } from './dom.js';
import { DASH, lag, number, rate, seconds } from './format.js';
import { lang, t } from './i18n.js';
import { bars } from './tiny.js';
import { KINDS } from './words.js';

const FEEDS = ['river_rain', 'streets', 'traffic', 'air_gas', 'power_water', 'reports', 'other'];
const TITLES = { traffic: 'traffic_feed', other: 'other_feed' };
const BOUND = 6; // warnings an hour and operator, EEMUA 191
const SCALE = 16;
const HOPS = {
  source: 'hopSource',
  screened: 'hopScreened',
  decided: 'hopDecided',
  stored: 'hopStored',
  sent: 'hopSent',
};

export class Footer {
  #feeds = h('div.feeds');
  #right = h('div.f-r');

  constructor(screen) {
    this.screen = screen;
    $('#foot').append(this.#feeds, this.#right);
  }

  draw() {
    const { store } = this.screen;
    const { broker } = store.overview;
    const news = [lang(), store.revision.feeds, Boolean(store.city), broker?.away_since];
    keep(this.#feeds, news, () => this.#list());
    keep(this.#right, this.#numbers(), () => this.#ends());
  }

  /** The same as a page of the phone's City tab. */
  page() {
    return h('div.city-feeds', null, this.#list(), h('div.f-r', null, this.#ends()));
  }

  sign() {
    return [this.screen.store.revision.feeds, this.#numbers()];
  }

  // A feed this city has sensors for and nothing is heard of must be seen missing.
  #list() {
    const { store } = this.screen;
    const expected = new Set((store.city?.sensors || []).map((s) => KINDS[s.kind]?.feed));
    const since = store.overview.broker?.away_since;
    const feeds = FEEDS.filter((name) => store.feeds.has(name) || expected.has(name));
    return [since && brokerAway(since), ...feeds.map((name) => feed(name, store.feeds.get(name)))].filter(
      Boolean,
    );
  }

  #numbers() {
    const { warnings_per_hour: load } = this.screen.store.overview;
    return [lang(), this.screen.way, load, this.screen.link.server];
  }

  #ends() {
    const { warnings_per_hour: load } = this.screen.store.overview;
    return [
      this.screen.way && path(this.screen.way),
      load != null && loadBar(load),
      h('div.ver', null, this.screen.link.server),
    ].filter(Boolean);
  }
}

// What all feeds come by: while it is away none of them can be heard.
function brokerAway(since) {
  return h('div.feed.bad.broker', null, h('b', null, 'Kafka'), t('awaySince', { time: seconds(since) }));
}

function feed(name, health) {
  const title = h('b', null, t(TITLES[name] || name));
  if (!health)
    return h('div.feed.bad', null, title, h('span.rate', null, DASH), h('span.lag', null, t('noData')));
  const silent = health.silent > 0;
  const last = silent ? t('silent', { n: number(health.silent) }) : lag(health.lag_ms);
  return h(
    silent ? 'div.feed.bad' : 'div.feed',
    null,
    title,
    bars(health.bars),
    h('span.rate', null, rate(health.rate)),
    h('span.lag', null, last),
  );
}

const ms = (us) => number(us / 1000, us < 9950 ? 1 : 0);
const hop = (way, name) => t(HOPS[name], { a: ms(way[name].p50), b: ms(way[name].p99) });

// A hub that knows of no other hop says how long its own took.
function path(way) {
  const names = Object.keys(HOPS);
  const whole = names.every((name) => way[name]);
  const title = whole && [t('pathTitle'), ...names.map((name) => hop(way, name))].join('\n');
  return h(
    'div.lat',
    { title },
    h('span', null, t(whole ? 'path' : 'pathHub')),
    h('b', null, `p50 ${ms(way.total.p50)}`),
    h('b', null, `p99 ${ms(way.total.p99)}\u00a0ms`),
  );
}

function loadBar(load) {
  const over = load > BOUND;
  const width = `${Math.min(1, load / SCALE) * 100}%`;
  const note = over ? h('strong', null, t('overBound')) : h('span', null, t('bound'));
  return h(
    over ? 'div.load.over' : 'div.load',
    null,
    h('span', null, t('load')),
    h('b', null, number(load, load < 20 ? 1 : 0)),
    h('i.bul', null, h('u', { style: { width } }), h('s')),
    note,
  );
}
