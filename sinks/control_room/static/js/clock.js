// Event time on the screen. The stream says its time with every heartbeat; between two of them the
// clock runs on by the replay's speed, so ages and lead times never depend on this computer's date.

export class EventClock {
  #event = null;
  #heard = 0;
  speed = 1;

  /** The stream is at `event` (ms) now. */
  set(event, speed = this.speed) {
    if (!Number.isFinite(event)) return;
    this.#event = event;
    this.#heard = performance.now();
    if (speed > 0) this.speed = speed;
  }

  get known() {
    return this.#event != null;
  }

  /** Event time the stream last said, in ms. */
  get said() {
    return this.#event;
  }

  now() {
    if (!this.known) return Date.now();
    return this.#event + (performance.now() - this.#heard) * this.speed;
  }
}
