// The control-room screen. Messages change the store; a redraw follows on the next frame; every view
// compares what it would say with what it says, and touches the page only where they differ.
import { Actions } from './actions.js';
import { Banner } from './banner.js';
import { Detail } from './detail.js';
import { $, drawAnew, write } from './dom.js';
import { Footer } from './footer.js';
import { useZone } from './format.js';
import { Header } from './header.js';
import { t } from './i18n.js';
import { listen } from './keyboard.js';
import { Link } from './link.js';
import { List } from './list.js';
import { CityMap, canDraw } from './map/city_map.js';
import { Districts } from './map/districts.js';
import { headline, place } from './say.js';
import { Screen, isPhone } from './screen.js';
import { Sound } from './sound.js';
import { Tabs } from './tabs.js';

const TICK_MS = 250;
const CITY_RETRY_MS = 2000;

const screen = new Screen();
const sound = new Sound(screen);
const actions = new Actions(screen, redraw);
const footer = new Footer(screen);
const header = new Header(screen, sound, redraw);
const list = new List(screen, choose, redraw);
const map = canDraw() ? new CityMap(screen, choose) : new Districts(screen);
const views = [
  new Banner(screen),
  header,
  new Tabs(screen, redraw),
  new Detail(screen, actions, footer, redraw),
  list,
  footer,
  map,
];

let asked = false;
const failed = new Set();

function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    for (const view of views) draw(view);
  });
}

// What one view cannot show must not keep the others from showing what they can.
function draw(view) {
  try {
    view.draw();
  } catch (error) {
    if (failed.has(view)) return; // four times a second would bury what else the console says
    failed.add(view);
    console.error(`${view.constructor.name}: not drawn`, error);
  }
}

function choose(id) {
  screen.choose(id);
  if (isPhone()) screen.tab = 'detail';
  delete document.documentElement.dataset.closed;
  redraw();
}

function step(by) {
  const ids = list.ids();
  if (!ids.length) return;
  const at = ids.indexOf(screen.shown);
  choose(ids[Math.min(ids.length - 1, Math.max(0, at + by))]);
  document
    .querySelector(`[data-id="${CSS.escape(screen.shown ?? '')}"]`)
    ?.scrollIntoView({ block: 'nearest' });
}

// Esc leaves the innermost thing: a question, the search, the page, the selection.
function close() {
  if (actions.cancel()) return;
  if (screen.find != null) return list.stopSearch();
  if (screen.tab === 'detail') screen.tab = 'alerts';
  else document.documentElement.dataset.closed = '';
  screen.choose(null);
  redraw();
}

const hear = {
  hb: (m) => {
    // What the stream said before is no news: meanwhile the clock runs on.
    if (m.clock !== screen.clock.said) screen.clock.set(m.clock, screen.store.overview.speed);
    if (m.city && cityTag && m.city !== cityTag) {
      cityTag = m.city;
      loadCity();
    }
    screen.way = m.us || (m.hub_us && { total: m.hub_us });
  },
  snap: (m) => screen.store.snapshot(m),
  ev: (m) => arrived(screen.store.apply(m.a, screen.phase !== 'catching')),
  reset: () => {
    screen.store.reset();
    if (screen.store.city) loadCity(); // another log may be another city's
  },
  st: (m) =>
    ({
      2: () => screen.store.setCells(m.k, m.whole),
      3: () => screen.store.setFeeds(m.k, m.whole),
      4: () => overview(m.k, m.whole),
    })[m.id]?.(),
  series: (m) => screen.store.setSeries(m),
  history: (m) => {
    for (const version of m.a) screen.store.remember(version);
  },
  ok: (m) => actions.answered(m),
  err: (m) => actions.answered(m),
};

function overview(fields, whole) {
  screen.store.setOverview(fields, whole);
  if (fields.clock != null) screen.clock.set(fields.clock, screen.store.overview.speed);
}

function arrived(alerts) {
  const { store } = screen;
  const risen = alerts.filter((a) => performance.now() - (store.arrived.get(a.id) ?? -Infinity) < TICK_MS);
  sound.news(screen.phase === 'catching' ? alerts : risen);
  const red = risen.find((a) => a.level === 1);
  if (red) write($('#speak'), t('newRed', { place: place(store, red), headline: headline(store, red) }));
}

let cityText = null;
let cityTag = null; // as the heartbeat names it

function setCity(city) {
  useZone(city.timezone);
  drawAnew(); // warnings may have been here before
  screen.store.setCity(city);
  redraw();
}

async function loadCity() {
  try {
    const answer = await fetch('/city.json');
    if (!answer.ok) throw new Error(`city.json: ${answer.status}`);
    const text = await answer.text();
    cityTag = answer.headers.get('ETag')?.replace(/^W\/|"/g, '') ?? null;
    if (cityText && text !== cityText) return location.reload();
    cityText = text;
    return setCity(JSON.parse(text));
  } catch {
    return setTimeout(loadCity, CITY_RETRY_MS); // the hub may be up before the flow has said which city
  }
}

screen.link = new Link(
  `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
  (message) => {
    hear[message.t]?.(message);
    redraw();
  },
);
listen({
  actions,
  list,
  step,
  close,
  open: () => choose((screen.find && list.ids()[0]) || screen.shown),
  mute: () => sound.toggle().then(redraw),
});
addEventListener('resize', redraw);
setInterval(() => {
  sound.tick();
  redraw();
}, TICK_MS);
loadCity();
screen.link.connect();
redraw();
