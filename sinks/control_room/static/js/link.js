// The line to the hub: screen protocol citywatch.v1. Connects, subscribes, and after a break comes
// back by itself with its cursor, so that no version of a warning is missed or seen twice.

const FIRST_RETRY_MS = 300;
const LAST_RETRY_MS = 8000;
const SILENCE_MS = 12_000; // two heartbeats and a bit: the socket is open but nobody is there
const CHANNELS = { 1: 'alerts', 2: 'cells', 3: 'feeds', 4: 'overview' };
const FIRST_FREE_ID = 10;
const WISHES = 10; // a second: the hub takes 20 messages, of which others need some
const EMPTY_RETRY_MS = 10_000;

export class Link {
  tries = 0;
  beatAt = null; // performance.now of the last heartbeat
  heardAt = null; // ... of the last message of any sort
  flow = 'live';
  flowAge = 0;
  progress = null;
  server = '';
  #url;
  #hear;
  #socket = null;
  #cursor = null;
  #whole = false; // on this connection: a snapshot is complete, or the resume goes on
  #fresh = new Set(); // channels of latest values not heard of since they were asked for
  #timer = null;
  #nextId = FIRST_FREE_ID;
  #sensor = null; // {id, sensor}
  #asked = new Set(); // alert ids whose history was asked for
  #unanswered = new Set(); // ... and has not come yet
  #wished = []; // when the last wishes were sent
  #tellsHistory = false; // a hub of an older version would end the connection
  #commands = new Map(); // id -> command not answered yet

  /** `hear(message)` gets every message after the link has taken what it needs from it. */
  constructor(url, hear) {
    this.#url = url;
    this.#hear = hear;
    addEventListener('online', () => this.#retryNow());
    document.addEventListener('visibilitychange', () => this.#retryNow());
    setInterval(() => this.#watch(), 1000);
  }

  connect() {
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.#url, 'citywatch.v1');
    this.#socket = socket;
    this.#whole = false;
    this.heardAt = performance.now();
    socket.onmessage = (event) => socket === this.#socket && this.#take(JSON.parse(event.data));
    socket.onclose = () => socket === this.#socket && this.#lost();
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #lost() {
    this.#socket = null;
    for (const alert of this.#unanswered) this.#asked.delete(alert);
    this.#unanswered.clear();
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.tries);
    this.tries++;
    // Jitter: a hub that comes back must not meet every screen at the same moment.
    this.#timer = setTimeout(() => this.connect(), wait * (0.5 + Math.random() / 2));
    this.#hear({ t: 'lost' });
  }

  #retryNow() {
    if (this.#socket || document.hidden) return;
    this.connect();
  }

  #watch() {
    if (!this.#socket || performance.now() - this.heardAt < SILENCE_MS) return;
    const socket = this.#socket;
    this.#lost();
    socket.close();
  }

  #send(message) {
    if (this.open) this.#socket.send(JSON.stringify(message));
  }

  #take(message) {
    this.heardAt = performance.now();
    this.#note(message);
    if (message.t === 'reset') this.#forget();
    if (message.t === 'hello') this.#greet(message);
    if (message.t === 'hb') this.#beat(message);
    if (message.t === 'snap' && message.part === message.of) this.beatAt ??= this.heardAt; // the first sign of life
    if (message.t === 'history') this.#told(message);
    if (message.t === 'ok' || message.t === 'err') this.#commands.delete(message.id);
    this.#hear(message);
  }

  // A heartbeat's cursor means nothing before warnings have come on this connection: whoever resumed
  // there would never learn what was active.
  #note(message) {
    if (message.t === 'ev' || (message.t === 'snap' && message.part === message.of)) this.#whole = true;
    // null: not everything before it has been sent yet
    if (message.cur && (this.#whole || message.t !== 'hb')) this.#cursor = message.cur;
    // All there is comes first; what is not in it is gone.
    if (message.t === 'st') message.whole = this.#fresh.delete(message.id);
  }

  #greet(hello) {
    this.server = hello.server || '';
    this.#tellsHistory = Boolean(hello.history);
    this.#fresh = new Set(Object.keys(CHANNELS).map(Number));
    for (const [id, ch] of Object.entries(CHANNELS)) {
      this.#send(
        ch === 'alerts'
          ? { t: 'sub', id: Number(id), ch, f: {}, at: this.#cursor }
          : { t: 'sub', id: Number(id), ch },
      );
    }
    if (this.#sensor) this.#send({ t: 'sensor', id: this.#sensor.id, sensor: this.#sensor.sensor });
    for (const command of this.#commands.values()) this.#send(command);
  }

  #forget() {
    this.#cursor = null;
    this.#whole = false;
    this.#asked.clear();
    this.#unanswered.clear();
  }

  #told({ alert, a }) {
    this.#unanswered.delete(alert);
    // Nothing: perhaps the store was away.
    if (!a.length) setTimeout(() => this.#asked.delete(alert), EMPTY_RETRY_MS);
  }

  // Who holds j down passes more warnings than may be asked about: the views ask again.
  #mayWish() {
    const now = performance.now();
    this.#wished = this.#wished.filter((at) => now - at < 1000);
    if (this.#wished.length >= WISHES) return false;
    this.#wished.push(now);
    return true;
  }

  #beat(message) {
    this.beatAt = this.heardAt;
    this.tries = 0;
    this.flow = message.flow || 'live';
    this.flowAge = message.flow_age_ms || 0;
    this.progress = message.progress ?? null;
  }

  /** Follow the curve of one sensor, soon; the one before is let go. To be said at every drawing. */
  follow(sensor) {
    if ((this.#sensor?.sensor ?? null) === sensor) return;
    if (!this.#mayWish()) return;
    const before = this.#sensor;
    this.#sensor = sensor ? { id: before?.id ?? this.#nextId++, sensor } : null;
    // An id in use is taken over.
    if (this.#sensor) this.#send({ t: 'sensor', id: this.#sensor.id, sensor });
    else this.#send({ t: 'unsub', id: before.id });
  }

  /** Ask once for the earlier versions of a warning, soon. To be said at every drawing. */
  history(alert) {
    if (!this.#tellsHistory || this.#asked.has(alert) || !this.open || !this.#mayWish()) return;
    this.#asked.add(alert);
    this.#unanswered.add(alert);
    this.#send({ t: 'history', id: this.#nextId++, alert });
  }

  /** Send a command; it is sent again after a reconnect, under the same id, until it is answered. */
  command(fields) {
    const command = { t: 'cmd', id: `c-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`, ...fields };
    this.#commands.set(command.id, command);
    this.#send(command);
    return command.id;
  }
}
