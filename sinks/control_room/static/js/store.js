// What the screen knows. Only messages change it; views read it and never write.
// The one rule of delivery: of an alert id, only a higher version is applied.

const MOST_ALERTS = 1000;
const MOST_POINTS = 500;
const MOST_SERIES = 20;
const BARS = 14;

export class Store {
  city = null;
  alerts = new Map(); // id -> latest version, active or cleared
  versions = new Map(); // id -> versions seen, by number
  cells = new Map(); // h3 -> {surprisal}; a silent cell is absent
  feeds = new Map(); // name -> {rate, lag_ms, silent, ..., bars}
  overview = {};
  series = new Map(); // sensor -> {kind, unit, levels, points}
  sent = new Map(); // alert id -> {op, state: sending|ok|err, why}
  arrived = new Map(); // alert id -> when this page saw its level appear or rise, performance.now
  revision = { city: 0, alerts: 0, cells: 0, feeds: 0, overview: 0, series: 0, sent: 0 };
  #districts = new Map();
  #sensors = new Map();
  #paged = null;

  setCity(city) {
    this.city = city;
    this.revision.city++;
    this.#districts = new Map(city.districts.map((d) => [d.id, d]));
    this.#sensors = new Map(city.sensors.map((s) => [s.id, s]));
  }

  district(id) {
    return this.#districts.get(id);
  }

  sensor(id) {
    return this.#sensors.get(id);
  }

  /** One page of the snapshot; the last page replaces what was active before. */
  snapshot(page) {
    if (page.part === 1 || !this.#paged) this.#paged = new Set();
    for (const alert of page.items) {
      this.#paged.add(alert.id);
      this.#apply(alert, false);
    }
    if (page.part < page.of) return;
    for (const [id, alert] of this.alerts)
      if (alert.status === 'active' && !this.#paged.has(id)) this.alerts.delete(id);
    this.#paged = null;
    this.revision.alerts++;
  }

  /** The hub cannot continue from our cursor: what we held may belong to another log. */
  reset() {
    this.alerts.clear();
    this.versions.clear();
    this.sent.clear();
    this.revision.alerts++;
  }

  /** Apply alert versions in log order; return those that were news. */
  apply(alerts, isNew = true) {
    const news = alerts.filter((alert) => this.#apply(alert, isNew));
    if (news.length) this.revision.alerts++;
    return news;
  }

  #apply(alert, isNew) {
    const before = this.alerts.get(alert.id);
    this.remember(alert);
    if (before && before.version >= alert.version) return false;
    this.alerts.set(alert.id, alert);
    const worse = before?.status !== 'active' || before.level > alert.level;
    if (isNew && alert.status === 'active' && worse)
      this.arrived.set(alert.id, performance.now());
    if (before) this.#settle(alert, before);
    if (this.alerts.size > MOST_ALERTS) this.#forget();
    return true;
  }

  // A wall runs for months: the cleared ones go, the earliest known first.
  #forget() {
    for (const [id, alert] of this.alerts) {
      if (alert.status === 'active') continue;
      for (const map of [this.alerts, this.versions, this.arrived, this.sent]) map.delete(id);
      if (this.alerts.size <= MOST_ALERTS / 2) return;
    }
  }

  // A sent action is done when a later version shows its mark; or that version says it was in vain.
  #settle(alert, before) {
    const sent = this.sent.get(alert.id);
    if (!sent || sent.state === 'err' || alert.version <= sent.version) return;
    const told = alert.reason.startsWith(`${sent.op} by `);
    if (told && alert.reason.includes(`, who saw version ${sent.version}: `))
      this.setSent(alert.id, { ...sent, state: 'in vain' });
    else if (alert.status !== before.status || JSON.stringify(alert.marks) !== JSON.stringify(before.marks)) {
      this.sent.delete(alert.id);
      this.revision.sent++;
    }
  }

  /** Keep a version for the story, without making it the latest. */
  remember(alert) {
    if (!this.versions.has(alert.id)) this.versions.set(alert.id, new Map());
    this.versions.get(alert.id).set(alert.version, alert);
  }

  story(id) {
    return [...(this.versions.get(id)?.values() || [])].sort((a, b) => a.version - b.version);
  }

  /** Latest values: `whole` when they are all there are, and not only those that changed. */
  setCells(cells, whole) {
    if (whole) this.cells.clear();
    for (const [id, cell] of Object.entries(cells)) {
      if (cell) this.cells.set(id, { surprisal: cell[1] });
      else this.cells.delete(id); // it went silent
    }
    this.revision.cells++;
  }

  setFeeds(feeds, whole) {
    if (whole) for (const name of this.feeds.keys()) if (!feeds[name]) this.feeds.delete(name);
    for (const [name, feed] of Object.entries(feeds)) {
      if (!feed) {
        this.feeds.delete(name);
        continue;
      }
      const bars = [...(this.feeds.get(name)?.bars || []), feed.rate].slice(-BARS);
      this.feeds.set(name, { ...feed, bars });
    }
    this.revision.feeds++;
  }

  setOverview(fields, whole) {
    this.overview = whole ? fields : { ...this.overview, ...fields };
    this.revision.overview++;
  }

  setSeries(message) {
    const known = this.series.get(message.sensor);
    if (message.points) this.#keepSeries(message);
    else if (known)
      known.points = [...known.points.filter((p) => p[0] < message.add[0]?.[0]), ...message.add].slice(
        -MOST_POINTS,
      );
    this.revision.series++;
  }

  #keepSeries(message) {
    this.series.delete(message.sensor); // the latest asked for stands last
    this.series.set(message.sensor, { ...message });
    if (this.series.size > MOST_SERIES) this.series.delete(this.series.keys().next().value);
  }

  setSent(id, sent) {
    this.sent.set(id, sent);
    this.revision.sent++;
  }

  /** Active warnings: level, then newest; those shelved at that time last, suppressed ones apart. */
  active(now) {
    const all = [...this.alerts.values()].filter((a) => a.status === 'active');
    const shown = all.filter((a) => !a.marks?.suppressed_by);
    const order = (a, b) =>
      shelved(a, now) - shelved(b, now) || a.level - b.level || b.first - a.first || (a.id < b.id ? -1 : 1);
    return { shown: shown.sort(order), suppressed: all.filter((a) => a.marks?.suppressed_by).sort(order) };
  }
}

// A shelf has an end: a warning comes back by itself, whether or not a new version says so.
export const shelved = (alert, now) => (alert.marks?.shelved_until ?? 0) > now;
export const acked = (alert) => Boolean(alert.marks?.acknowledged || alert.marks?.confirmed);
