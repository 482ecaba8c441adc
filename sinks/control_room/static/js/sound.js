// Sounds, once a person armed them: red three rising tones, orange two, yellow one soft, blue none,
// stale a low double tone. Never two at once, the worst wins, at most two a minute; an
// unacknowledged red repeats every 30 s. While catching up everything is held, then said once.
import { acked, shelved } from './store.js';

const TONES = {
  stale: { rank: 0, notes: [196, 196], each: 0.28, loud: 0.25 },
  1: { rank: 1, notes: [523, 659, 784], each: 0.16, loud: 0.25 },
  2: { rank: 2, notes: [523, 659], each: 0.16, loud: 0.18 },
  3: { rank: 3, notes: [523], each: 0.2, loud: 0.08 },
};
const REPEAT_MS = 30_000;
const MINUTE = 60_000;
const MOST_A_MINUTE = 2;

export class Sound {
  armed = false;
  #audio = null;
  #played = []; // when, performance.now
  #held = null;
  #wasStale = false;

  constructor(screen) {
    this.screen = screen;
  }

  /** Arming needs a click: a browser lets no page sound before. */
  async toggle() {
    this.armed = !this.armed;
    if (!this.armed) return;
    this.#audio ??= new AudioContext();
    await this.#audio.resume();
    this.#ring(TONES[3]);
  }

  /** New or raised warnings arrived. */
  news(alerts) {
    const { asOf } = this.screen;
    const levels = alerts
      .filter((a) => a.status === 'active' && !a.marks?.suppressed_by && !shelved(a, asOf))
      .map((a) => a.level);
    if (levels.length) this.#want(Math.min(...levels));
  }

  #want(level) {
    if (!TONES[level]) return;
    if (this.#held == null || TONES[level].rank < TONES[this.#held].rank) this.#held = level;
  }

  /** Called every tick: plays what is held, and repeats for a red nobody took. */
  tick() {
    const { phase, stale, store, asOf } = this.screen;
    if (stale && !this.#wasStale) this.#want('stale');
    this.#wasStale = stale;
    if (phase === 'catching') return;
    const now = performance.now();
    const { shown } = store.active(asOf);
    const red = shown.some((a) => a.level === 1 && !acked(a) && !shelved(a, asOf));
    if (red && !stale && now - (this.#played.at(-1) ?? -Infinity) > REPEAT_MS) this.#want(1);
    if (this.#held == null) return;
    this.#played = this.#played.filter((at) => now - at < MINUTE);
    const tones = TONES[this.#held];
    const full = this.#played.length >= MOST_A_MINUTE;
    if (full && tones.rank <= 1) return; // stays held: softer sounds must not swallow a red
    this.#held = null;
    if (!this.armed || full) return;
    this.#played.push(now);
    this.#ring(tones);
  }

  #ring({ notes, each, loud }) {
    const start = this.#audio.currentTime + 0.02;
    notes.forEach((pitch, i) => this.#tone(pitch, start + i * each * 1.25, each, loud));
  }

  #tone(pitch, at, seconds, loud) {
    const voice = this.#audio.createOscillator();
    const level = this.#audio.createGain();
    voice.frequency.value = pitch;
    level.gain.setValueAtTime(0, at);
    level.gain.linearRampToValueAtTime(loud, at + 0.02); // a ramp, or it would click
    level.gain.linearRampToValueAtTime(0, at + seconds);
    voice.connect(level).connect(this.#audio.destination);
    voice.start(at);
    voice.stop(at + seconds);
  }
}
