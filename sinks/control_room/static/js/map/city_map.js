/* global maplibregl */
// The map pane: the city from its file, the levelled cells, the warnings, the selection.
import { $, h, keep } from '../dom.js';
import { quantity } from '../format.js';
import { lang, t } from '../i18n.js';
import { levelMark, sign } from '../icons.js';
import { evidenceOf, levelName, unitOf } from '../say.js';
import { isLaptop, isPhone, zoomOfRoot } from '../screen.js';
import { shelved } from '../store.js';
import { Flow } from './flow.js';
import { hotCells, outline } from './hot.js';
import { CELL_LAYERS, addHatch, style, tint, token } from './layers.js';
import { Markers } from './markers.js';
import { districtNames, riverNames } from './names.js';
import { middle, shapes } from './shapes.js';

const NEAR = 1.5; // zooms past the whole city from which single sensors are rings
const STIR = 0.13; // how much one unit of surprisal brightens a calm cell
const LIT_MS = 400;
const PHONE_ZOOM = 0.75;

export class CityMap {
  #map = null;
  #shapes = null;
  #names = [];
  #labels = [];
  #tinted = [];
  #drawn = {};
  #ready = false;
  #k = 1;
  #size = '';

  constructor(screen, choose) {
    this.screen = screen;
    this.choose = choose;
    this.#furniture();
    new ResizeObserver(() => this.#resized()).observe($('#map-pane'));
  }

  #furniture() {
    $('#map-ui').append(h('div.legend'), h('div.zoom'));
  }

  // A pane of no size (a phone's other tab) has no map yet.
  #make() {
    const host = $('#map');
    if (this.#map || !this.screen.store.city || !host.clientWidth) return;
    const { city } = this.screen.store;
    this.#k = zoomOfRoot();
    this.#shapes ??= shapes(city);
    const near = this.#nearZoom(host);
    this.near = near;
    const map = new maplibregl.Map({
      container: host,
      style: style(this.#shapes, this.#k, near, isPhone()),
      attributionControl: false,
      fadeDuration: 0,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      renderWorldCopies: false,
      maxZoom: 17,
      bounds: this.#shapes.bounds,
      fitBoundsOptions: { padding: this.#padding() },
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disable();
    this.#map = map;
    this.#size = `${host.clientWidth} ${host.clientHeight}`;
    if (isPhone()) this.#lookAtSelected();
    map.on('load', () => this.#loaded());
    map.on('moveend', () => this.#scale());
  }

  #loaded() {
    const map = this.#map;
    addHatch(map, this.#k);
    this.flow = new Flow(map, this.#shapes.rivers, this.#k, token('--flow'));
    this.markers = new Markers(
      map,
      this.screen,
      this.choose,
      () => this.#names,
      () => this.#tinted,
    );
    map.on('click', (event) => this.#clicked(event.point));
    this.#ready = true;
    this.#drawn = {};
    this.draw();
    this.#scale();
    map.once('idle', () => {
      document.documentElement.dataset.map = 'ready';
    });
  }

  // A phone is too narrow for the whole city: it opens at the selected warning.
  #lookAtSelected() {
    const alert = this.screen.selected();
    if (alert) this.#map.jumpTo({ center: [alert.lon, alert.lat], zoom: this.#map.getZoom() + PHONE_ZOOM });
  }

  // The fit is not known before the map is: it follows from the size of the pane.
  #nearZoom(host) {
    const [[west, south], [east, north]] = this.#shapes.bounds;
    const lat = (((south + north) / 2) * Math.PI) / 180;
    const wide = (host.clientWidth / 512) * (360 / Math.max(1e-6, east - west));
    const high = (host.clientHeight / 512) * (360 / Math.max(1e-6, north - south)) * Math.cos(lat);
    return Math.min(15, Math.log2(Math.min(wide, high)) + NEAR);
  }

  #padding() {
    const edge = isPhone() ? 10 : 26 * this.#k;
    const detail = $('#detail-pane');
    if (!isLaptop() || !detail.clientWidth) return edge;
    return { top: 20, bottom: 20, left: 14, right: 14 + detail.clientWidth };
  }

  #resized() {
    if (!this.#map) return this.draw();
    if (zoomOfRoot() !== this.#k) return this.#remake();
    const size = `${$('#map').clientWidth} ${$('#map').clientHeight}`;
    if (size === this.#size || !$('#map').clientWidth) return undefined;
    this.#size = size;
    this.#map.resize();
    return this.fit(false);
  }

  // Line widths belong to a root size: a new one draws the map anew.
  #remake() {
    this.flow?.remove();
    this.markers?.clear();
    this.#map.remove();
    this.#map = null;
    this.#ready = false;
    this.draw();
  }

  fit(animate = true) {
    this.#map?.fitBounds(this.#shapes.bounds, { padding: this.#padding(), animate, duration: 600 });
  }

  draw() {
    this.#legend();
    this.#make();
    if (!this.#ready) return;
    const { store, stale, asOf } = this.screen;
    const { shown, suppressed } = store.active(asOf);
    const live = shown.filter((a) => !shelved(a, asOf));
    const selected = this.screen.chosen || this.screen.shown ? store.alerts.get(this.screen.shown) : null;
    const visible = store.alerts.get(selected?.id)?.status === 'active' ? selected : null;
    const marked = visible && !live.includes(visible) ? [...live, visible] : live;
    this.#once('stale', stale, () => this.#freeze(stale));
    this.#once('names', lang(), () => this.#nameAll());
    this.#once('hot', JSON.stringify([...live, ...suppressed].map((a) => [a.id, a.level, a.cells])), () =>
      this.#hot([...live, ...suppressed]),
    );
    this.#once('outline', visible && JSON.stringify([visible.id, visible.cells]), () =>
      this.#outline(visible),
    );
    this.#once('cells', store.revision.cells, () => this.#stir());
    this.#once('series', store.revision.series, () => this.#light());
    this.#once(
      'evidence',
      JSON.stringify([visible?.id, visible?.version, lang(), this.#map.getZoom() >= this.near]),
      () => this.#evidence(visible),
    );
    if (isLaptop()) this.#once('pad', $('#detail-pane').clientWidth, () => this.fit(false));
    this.markers.draw(marked, visible);
  }

  #once(name, sign, work) {
    if (this.#drawn[name] === sign) return;
    this.#drawn[name] = sign;
    work();
  }

  #freeze(stale) {
    tint(this.#map, stale);
    this.flow.moving = !stale;
  }

  #hot(alerts) {
    const { whole, shrunk } = hotCells(alerts, this.#shapes.rings);
    this.#map.getSource('whole').setData(whole);
    this.#map.getSource('shrunk').setData(shrunk);
    this.#tinted = whole.features.map((f) => middle(f.geometry.coordinates[0].slice(1)));
    this.markers.layout();
  }

  #outline(alert) {
    this.#map.getSource('outline').setData(outline(alert?.cells || [], this.#shapes.rings));
    if (alert) this.#bringIntoView(alert);
  }

  // Only a choice moves the map, and only when it is out of view.
  #bringIntoView(alert) {
    if (this.screen.chosen !== alert.id) return;
    const p = this.#map.project([alert.lon, alert.lat]);
    const { clientWidth: wide, clientHeight: high } = $('#map');
    const right = isLaptop() ? wide - $('#detail-pane').clientWidth : wide;
    if (p.x > 20 && p.y > 20 && p.x < right - 20 && p.y < high - 20) return;
    this.#map.easeTo({ center: [alert.lon, alert.lat], duration: 600, padding: this.#padding() });
  }

  #stir() {
    for (const [cell, id] of this.#shapes.index) {
      const stir = Math.min(3, this.screen.store.cells.get(cell)?.surprisal || 0) * STIR;
      if (Math.abs((this.#drawn[cell] ?? 0) - stir) < 0.02) continue;
      this.#drawn[cell] = stir;
      this.#map.setFeatureState({ source: 'cells', id }, { stir });
    }
  }

  // The light of the sensor whose curve is followed brightens when a reading of it arrives.
  #light() {
    if (this.screen.stale) return;
    const [sensor] = [...this.screen.store.series.keys()].slice(-1);
    const id = this.#shapes.sensorIndex.get(sensor);
    if (id == null) return;
    const map = this.#map;
    map.setFeatureState({ source: 'sensors', id }, { lit: true });
    setTimeout(
      () => map === this.#map && map.setFeatureState({ source: 'sensors', id }, { lit: false }),
      LIT_MS,
    );
  }

  #nameAll() {
    for (const label of this.#names) label.marker.remove();
    const { city } = this.screen.store;
    this.#names = [...riverNames(city, this.#shapes.bounds), ...districtNames(city)].map((name) => ({
      ...name,
      marker: this.#pin(name.node, name.at),
    }));
    this.markers.layout();
  }

  #pin(element, at, options = {}) {
    return new maplibregl.Marker({ element, ...options }).setLngLat(at).addTo(this.#map);
  }

  // From near by, the sensors behind the selected warning say their value.
  #evidence(alert) {
    for (const label of this.#labels) label.remove();
    this.#labels = [];
    if (!alert || this.#map.getZoom() < this.near) return;
    const { store } = this.screen;
    for (const e of evidenceOf(alert)) {
      const sensor = store.sensor(e.key);
      if (!sensor || this.#labels.length > 8) continue;
      const node = h(
        'div.m-s',
        null,
        h('i'),
        e.key,
        h('b', null, quantity(e.value, e.kind, unitOf(store, e))),
      );
      this.#labels.push(
        this.#pin(node, [sensor.lon, sensor.lat], { anchor: 'left', offset: [-8 * this.#k, 0] }),
      );
    }
  }

  #clicked(point) {
    const [hit] = this.#map.queryRenderedFeatures(point, { layers: CELL_LAYERS });
    if (!hit) return;
    const { cell } = hit.properties;
    const { shown } = this.screen.store.active(this.screen.asOf);
    const alert = shown.find((a) => a.cells.includes(cell));
    if (alert) this.choose(alert.id);
  }

  #legend() {
    const pane = $('#map-pane');
    pane.setAttribute('aria-label', t('map'));
    keep(pane.querySelector('.legend'), lang(), () => [
      ...[1, 2, 3, 4].map((l) => h('span', null, levelMark(l), levelName(l))),
      h('span.dot', null, h('i'), t('sensor')),
      h('i.scale'),
    ]);
    const button = (icon, word, work) =>
      h('button', { type: 'button', title: t(word), 'aria-label': t(word), onclick: work }, sign(icon));
    keep(pane.querySelector('.zoom'), lang(), () => [
      button('plus', 'zoomIn', () => this.#map?.zoomIn()),
      button('minus', 'zoomOut', () => this.#map?.zoomOut()),
      button('fit', 'fit', () => this.fit()),
    ]);
    this.#once('scale', lang(), () => this.#scale());
  }

  #scale() {
    const bar = document.querySelector('.legend .scale');
    if (!this.#map || !bar) return;
    const high = $('#map').clientHeight / 2;
    const metres = this.#map.unproject([0, high]).distanceTo(this.#map.unproject([100, high]));
    const sizes = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];
    const size = sizes.find((m) => (m / metres) * 100 > 50 * this.#k) || sizes.at(-1);
    bar.style.width = `${(size / metres) * 100}px`;
    bar.textContent = size < 1000 ? `${size}\u00a0m` : `${size / 1000}\u00a0km`;
    if (this.#ready) this.draw();
  }
}

/** Whether this browser can draw the map at all. */
export function canDraw() {
  const canvas = document.createElement('canvas');
  return Boolean(window.maplibregl && (canvas.getContext('webgl2') || canvas.getContext('webgl')));
}
