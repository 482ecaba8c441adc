// What a person can do about the warning shown. Acknowledge goes out at once; what teaches the
// model asks for the same key once more; shelving asks for how long. Nothing can be sent when stale.
import { h, keep } from './dom.js';
import { countdown, hourOf, time } from './format.js';
import { lang, named, t } from './i18n.js';
import { sign } from './icons.js';
import { isWall } from './screen.js';
import { acked, shelved } from './store.js';

const HOUR = 3_600_000;
const SHIFTS = [8, 20, 32];
const FORGET_MS = 15_000;
const UNSEEN_MS = 500;

export class Actions {
  #commands = new Map(); // command id -> {alert, op}
  #held = null; // the button that had the focus,
  #of = null; // and of which warning
  #asked = null; // what was asked when this was drawn last

  constructor(screen, redraw) {
    this.screen = screen;
    this.redraw = redraw;
    addEventListener('pointerdown', () => {
      this.#held = null; // a button that is pressed gets the focus after this
    });
  }

  /** A key or button: ack, confirm, false_alarm, shelve. */
  press(op) {
    const alert = this.screen.selected();
    if (!alert || alert.status !== 'active' || this.screen.phase === 'stale' || isWall()) return;
    if (performance.now() - this.screen.swappedAt < UNSEEN_MS) return; // meant for the one before
    if (this.screen.store.sent.get(alert.id)?.state === 'sending') return;
    if (op === 'ack' && alert.marks?.acknowledged) return;
    if (op === 'shelve' && shelved(alert, this.screen.asOf)) this.#send(alert, 'unshelve');
    else if (op === 'ack' || (op !== 'shelve' && this.screen.ask === op)) this.#send(alert, op);
    else this.screen.ask = this.screen.ask === op ? null : op;
    this.redraw();
  }

  cancel() {
    const had = this.screen.ask != null;
    this.screen.ask = null;
    if (had) this.redraw();
    return had;
  }

  #send(alert, op, until = null) {
    this.screen.ask = null;
    const id = this.screen.link.command({ op, alert: alert.id, version: alert.version, until, note: '' });
    this.#commands.set(id, { alert: alert.id, op });
    this.#note(alert.id, { op, version: alert.version, state: 'sending' });
    this.redraw();
  }

  /** The hub answered: ok, or err with a reason. */
  answered(message) {
    const command = this.#commands.get(message.id);
    if (!command) return;
    this.#commands.delete(message.id);
    const sent = this.screen.store.sent.get(command.alert);
    if (!sent) return; // the new version was faster than the answer
    const state = sent.state === 'in vain' ? sent.state : message.t;
    this.#note(command.alert, { ...sent, state, why: message.why || message.reason || '' });
    setTimeout(() => this.#forget(command.alert), FORGET_MS);
  }

  #note(id, sent) {
    this.screen.store.setSent(id, sent);
  }

  #forget(id) {
    const sent = this.screen.store.sent.get(id);
    if (sent && sent.state !== 'sending') this.screen.store.sent.delete(id);
    this.redraw();
  }

  draw(host, alert) {
    this.#hold(host, alert);
    const { stale, ask, store, asOf } = this.screen;
    const put = shelved(alert, asOf);
    const [icon, text, urgent] = this.#line(alert);
    const off = stale || alert.status !== 'active';
    const sent = store.sent.get(alert.id)?.state;
    keep(
      host,
      [
        lang(),
        alert.id,
        icon,
        text,
        urgent,
        off,
        ask,
        sent,
        alert.marks,
        put,
        ask === 'shelve' && this.#shiftEnd(),
      ],
      () => [
        h(urgent ? 'p.urge' : 'p', { role: 'status' }, sign(icon), text),
        ask === 'shelve' && !off ? this.#times(alert) : this.#buttons(alert, put, off || sent === 'sending'),
      ],
    );
    this.#letGo(host);
    // Whoever asked by a key answers by one.
    if (ask === 'shelve' && this.#asked !== ask)
      host.querySelector('[data-until]')?.focus({ preventScroll: true });
    this.#asked = ask;
  }

  // Who presses a button stays there, though it is made anew, and beside it while it cannot be
  // pressed: at no other button, which the same key would press.
  #hold(host, alert) {
    const at = document.activeElement;
    if (alert.id !== this.#of) this.#held = null;
    this.#of = alert.id;
    if (host.contains(at)) this.#held = at.dataset.op ?? this.#held;
    else if (at && at !== document.body) this.#held = null;
  }

  #letGo(host) {
    if (!this.#held || (host.contains(document.activeElement) && document.activeElement !== host)) return;
    const same = host.querySelector(`[data-op="${this.#held}"]:enabled`);
    (same ?? host.querySelector('[data-until]') ?? host).focus({ preventScroll: true });
  }

  #buttons(alert, put, off) {
    const { ask } = this.screen;
    const button = (op, key, primary) => {
      const name = op === 'shelve' && put ? 'unshelve' : op;
      const done = op === 'ack' && acked(alert);
      const classes = primary && !done ? 'button.pri' : ask === op ? 'button.ask' : 'button';
      return h(
        classes,
        { type: 'button', 'data-op': op, disabled: off || done, onclick: () => this.press(op) },
        h('kbd', null, key),
        t(ask === op ? 'again' : name),
      );
    };
    return h(
      'div.btns',
      null,
      button('ack', 'a', true),
      button('confirm', 'c'),
      button('false_alarm', 'f'),
      button('shelve', 's'),
    );
  }

  #times(alert) {
    const now = this.screen.asOf;
    const end = this.#shiftEnd();
    const choice = (text, until) =>
      h(
        'button',
        { type: 'button', 'data-until': until, onclick: () => this.#send(alert, 'shelve', until) },
        text,
      );
    const cancel = h('button', { type: 'button', onclick: () => this.cancel() }, t('cancel'));
    return h(
      'div.btns.times',
      null,
      choice(t('for1h'), Math.round(now + HOUR)),
      choice(t('for4h'), Math.round(now + 4 * HOUR)),
      choice(t('toShift', { time: time(end) }), end),
      cancel,
    );
  }

  // Shifts change at 08:00 and 20:00 of the city.
  #shiftEnd() {
    const now = this.screen.asOf;
    const minutes = Number(time(now).slice(3)) * 60_000 + (now % 60_000);
    const hour = hourOf(now);
    return Math.round(now - minutes + (SHIFTS.find((h) => h > hour) - hour) * HOUR);
  }

  // What happens if nobody acts, or why the warning is held down.
  #line(alert) {
    const { stale, ask, store, asOf } = this.screen;
    const { acknowledged, confirmed, shelved_until: until, suppressed_by: by } = alert.marks || {};
    const sent = store.sent.get(alert.id);
    if (alert.status !== 'active') return ['check', t('clearedAt', { time: time(alert.time) })];
    if (stale) return ['escalate', t('cannotSend'), true];
    if (ask)
      return ['clock', t({ confirm: 'askConfirm', false_alarm: 'askFalse', shelve: 'askShelve' }[ask]), true];
    if (sent?.state === 'err') return ['escalate', t('refused', { why: sent.why }), true];
    if (sent?.state === 'in vain') return ['escalate', t('inVain', { op: t(sent.op) }), true];
    if (sent) return ['pending', t(sent.state === 'ok' ? 'accepted' : 'sending', { op: t(sent.op) })];
    if (by) return ['layers', t('suppressedBy', { id: by })];
    if (shelved(alert, asOf)) return ['shelve', t('shelvedUntil', { time: time(until) })];
    if (confirmed) return ['checks', t('confirmedBy', { who: named(confirmed) })];
    if (acknowledged) return ['check', t('ackedBy', { who: named(acknowledged) })];
    if (alert.next?.at > asOf)
      return [
        'escalate',
        t('nextAt', { what: named(alert.next.what), time: countdown(alert.next.at - asOf) }),
        alert.level === 1,
      ];
    if (alert.next?.what === 'second_source') return ['sensor', t('oneAlone')];
    return ['escalate', t('nobody'), alert.level === 1];
  }
}
