// What the views share: the store, the link, the clock, and what this operator is looking at.
// Nothing here draws.
import { EventClock } from './clock.js';
import { Store } from './store.js';

const STALE_MS = 10_000;

export class Screen {
  store = new Store();
  clock = new EventClock();
  link = null;
  chosen = null; // the warning a person selected
  shown = null; // the warning the detail shows
  swappedAt = -Infinity; // when another one took its place by itself
  tab = 'alerts'; // phone: alerts, map, city, detail
  ask = null; // confirm, false_alarm or shelve, waiting for the second key
  find = null; // text of the search box, null when closed
  showSuppressed = false;
  more = new Set(); // lists the operator opened further

  /** connecting, live, catching or stale. */
  get phase() {
    const beat = this.link.beatAt;
    if (performance.now() - (beat ?? 0) > STALE_MS) return 'stale';
    if (beat == null) return 'connecting';
    if (this.link.flow === 'stale') return 'stale';
    return this.link.flow === 'catching_up' ? 'catching' : 'live';
  }

  get stale() {
    return this.phase === 'stale';
  }

  /** For how long nothing true has come, ms. */
  get staleAge() {
    const beat = performance.now() - (this.link.beatAt ?? 0);
    return this.link.flow === 'stale' ? this.link.flowAge + beat : beat;
  }

  /** The time everything on the screen is true for. */
  get asOf() {
    return this.stale && this.clock.known ? this.clock.said : this.clock.now();
  }

  /** The warning in the detail: the chosen one, else the worst; a newer equal never steals it. */
  selected() {
    const { shown, suppressed } = this.store.active(this.asOf);
    const chosen = this.store.alerts.get(this.chosen);
    if (chosen) return this.#show(chosen);
    const all = [...shown, ...suppressed];
    const held = all.find((alert) => alert.id === this.shown);
    const worst = shown[0];
    if (held && !(worst && worst.level < held.level)) return this.#show(held);
    return this.#show(worst || null);
  }

  #show(alert) {
    const id = alert?.id ?? null;
    if (id !== this.shown) {
      this.ask = null; // what was asked was asked of another one
      if (this.shown) this.swappedAt = performance.now();
    }
    this.shown = id;
    return alert;
  }

  choose(id) {
    if (id === this.chosen) return;
    this.chosen = id;
    this.shown = id ?? this.shown; // at once: keys may come faster than frames
    this.ask = null;
    this.more.clear();
  }
}

/** Wall and phone differ by more than measures. */
export const isWall = () => innerWidth >= 3200;
export const isPhone = () => innerWidth < 900;
export const isLaptop = () => innerWidth >= 900 && innerWidth < 1600;
/** Root size against the desk's 16 px: lines and labels of the map scale with it. */
export const zoomOfRoot = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
