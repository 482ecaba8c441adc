/* global maplibregl */
// The warnings on the map. Levels 1-2 and the selected one carry a label (shape, hazard, lead time),
// the others the shape only; a label flips to the left, or folds, rather than cover another one.
import { h } from '../dom.js';
import { hazardIcon, levelMark } from '../icons.js';
import { lead, levelName, place } from '../say.js';
import { isPhone } from '../screen.js';
import { acked } from '../store.js';
import { chosen } from './names.js';

const RING_MS = 20_000;
const MANY = 30;

export class Markers {
  #marks = new Map(); // alert id -> {marker, root, sign, at, alert}

  constructor(map, screen, choose, names, tinted) {
    Object.assign(this, { map, screen, choose, names, tinted });
    map.on('moveend', () => this.layout());
  }

  draw(alerts, selected) {
    const ids = new Set(alerts.map((a) => a.id));
    const gone = [...this.#marks].filter(([id]) => !ids.has(id));
    for (const [id, mark] of gone) this.#drop(id, mark);
    const facts = alerts.map((a) => [a, this.#facts(a, selected?.id === a.id, alerts.length)]);
    const changed = facts.filter(([a, f]) => this.#put(a, f));
    if (changed.length || gone.length) this.layout();
  }

  clear() {
    for (const [id, mark] of this.#marks) this.#drop(id, mark);
  }

  #drop(id, mark) {
    mark.marker.remove();
    this.#marks.delete(id);
  }

  #facts(alert, selected, many) {
    const { stale, asOf, store } = this.screen;
    const labelled = !isPhone() && (selected || alert.level <= (many > MANY ? 1 : 2));
    const { kind, value } = lead(alert, asOf, stale);
    const since = performance.now() - (store.arrived.get(alert.id) ?? -Infinity);
    const ring = alert.level === 1 && !stale && !acked(alert) && since < RING_MS;
    return {
      level: alert.level,
      hazard: alert.hazard,
      at: [alert.lon, alert.lat],
      selected,
      labelled,
      ring,
      text: labelled && (kind === 'in' || kind === 'at') ? value : '',
      title: `${levelName(alert.level)} · ${place(store, alert)}`,
    };
  }

  #put(alert, f) {
    const sign = JSON.stringify(f);
    let mark = this.#marks.get(alert.id);
    if (mark?.sign === sign) return false;
    if (!mark) {
      const root = h('div.m-w');
      mark = {
        root,
        marker: new maplibregl.Marker({ element: root, anchor: 'center' }).setLngLat(f.at).addTo(this.map),
      };
      this.#marks.set(alert.id, mark);
    }
    mark.marker.setLngLat(f.at);
    mark.root.style.zIndex = String(10 - f.level + (f.selected ? 5 : 0));
    mark.root.replaceChildren(...this.#tag(alert, f));
    Object.assign(mark, { sign, facts: f });
    return true;
  }

  #tag(alert, f) {
    const classes = ['button', 'm-a', `l${f.level}`, f.labelled && 'big', f.selected && 'sel']
      .filter(Boolean)
      .join('.');
    const click = (event) => {
      event.stopPropagation();
      this.choose(alert.id);
    };
    const tag = h(
      classes,
      { type: 'button', title: f.title, 'aria-label': f.title, tabindex: '-1', onclick: click },
      levelMark(f.level),
      f.labelled && hazardIcon(f.hazard),
      f.text && h('b', null, f.text),
    );
    return f.ring ? [h('i.halo'), h('i.halo.two'), tag] : [tag];
  }

  /** Decide for each label: right, left or shape only; names under labels step aside. */
  layout() {
    const marks = [...this.#marks.values()].map((m) => ({
      ...m,
      p: this.map.project(m.facts.at),
      tag: m.root.querySelector('.m-a'),
    }));
    marks.sort((a, b) => b.facts.selected - a.facts.selected || a.facts.level - b.facts.level);
    for (const { tag } of marks) tag.classList.remove('flip', 'bare');
    const sizes = marks.map(({ tag }) => [tag.offsetWidth, tag.offsetHeight]);
    const shapes = marks.map(({ p }, i) => box(p, Math.min(sizes[i][1], sizes[i][0]), sizes[i][1], 0.5));
    const taken = [];
    marks.forEach((mark, i) => {
      if (!mark.facts.labelled) return taken.push(shapes[i]);
      const [wide, high] = sizes[i];
      const share = high / 2 / wide;
      const others = [...taken, ...shapes.filter((_, j) => j !== i)];
      const options = [
        ['', box(mark.p, wide, high, share)],
        ['flip', box(mark.p, wide, high, 1 - share)],
      ];
      const cost = ([, b]) => others.reduce((sum, o) => sum + overlap(b, o), 0) + this.#outside(b);
      const [right, left] = options.map(cost);
      const [name, area] = left < right ? options[1] : options[0];
      const hidden =
        Math.min(left, right) > 0.25 * wide * high &&
        !mark.facts.selected &&
        taken.some((o) => overlap(area, o) > 0.2 * wide * high);
      mark.tag.classList.toggle('bare', hidden);
      if (name) mark.tag.classList.toggle(name, !hidden);
      return taken.push(hidden ? shapes[i] : area);
    });
    this.#makeRoom(taken);
  }

  #outside({ x0, x1 }) {
    const wide = this.map.getContainer().clientWidth;
    return x0 < 0 || x1 > wide ? 1e6 : 0;
  }

  // A district's name yields to labels; a river's, which may be had elsewhere, to tinted cells and
  // districts' names too.
  #makeRoom(taken) {
    const cells = this.tinted().map((at) => box(this.map.project(at), 8, 8, 0.5));
    const names = this.names().map((name) => ({ ...name, box: this.#spanOf(name) }));
    const districts = names.filter(({ river }) => !river);
    const isFree = ({ river, box: mine }, shown) => {
      const others = [...taken, ...shown.map((s) => s.box), ...(river ? cells : [])];
      return !others.some((other) => overlap(mine, other) > 0);
    };
    const rivers = names.filter(({ river }) => river);
    const shown = new Set(chosen([...districts, ...rivers], isFree).map(({ node }) => node));
    for (const { node } of names) node.style.visibility = shown.has(node) ? 'visible' : 'hidden';
  }

  #spanOf({ node, at, river }) {
    const span = (river ? node.firstChild : node).getBoundingClientRect();
    return box(this.map.project(at), span.width, span.height, 0.5);
  }
}

const box = (p, wide, high, share) => ({
  x0: p.x - wide * share,
  x1: p.x + wide * (1 - share),
  y0: p.y - high / 2,
  y1: p.y + high / 2,
});
const overlap = (a, b) =>
  Math.max(0, Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0)) *
  Math.max(0, Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0));
