// One warning in full. Each section is rebuilt only when what it says changes.
import { $, h, keep } from './dom.js';
import { number, quantity } from './format.js';
import { lang, pick, t } from './i18n.js';
import { hazardIcon, levelMark, sign } from './icons.js';
import { leadLarge } from './lead.js';
import { cityNow } from './quiet.js';
import {
  counted,
  hazardName,
  headline,
  lead,
  levelName,
  mainEvidence,
  mainSensor,
  place,
  unitOf,
} from './say.js';
import { isPhone } from './screen.js';
import { slope } from './slope.js';
import { forecastOf } from './spark_scale.js';
import { Spark } from './sparkline.js';
import { story } from './story.js';
import { why } from './why.js';

export class Detail {
  #parts = {
    head: h('div.d-head'),
    spark: h('section.sp'),
    why: h('section.why'),
    story: h('section.story'),
    units: h('section.units'),
  };
  #scroll = h('div.d-scroll');
  #act = h('div.d-act', { tabindex: '-1' });
  #back;
  #spark = new Spark();
  #mode = '';

  constructor(screen, actions, footer, redraw) {
    this.screen = screen;
    this.actions = actions;
    this.footer = footer;
    this.redraw = redraw;
    this.#back = h('button.backb', { type: 'button', onclick: () => this.#goBack() });
    $('#detail-pane').append(this.#back, this.#scroll, this.#act);
  }

  #goBack() {
    this.screen.tab = 'alerts';
    this.redraw();
  }

  draw() {
    $('#detail-pane').setAttribute('aria-label', t('detail'));
    keep(this.#back, lang(), () => [sign('back'), t('warnings')]);
    const alert = this.screen.selected();
    const city = !alert || (isPhone() && this.screen.tab === 'city');
    this.screen.link.follow(alert ? mainSensor(alert) : null);
    this.#act.hidden = city;
    if (city) this.#drawCity();
    else this.#drawAlert(alert);
  }

  #drawCity() {
    this.#mode = 'city';
    const { store } = this.screen;
    keep(this.#scroll, ['city', lang(), store.revision.overview, this.footer.sign()], () => [
      ...cityNow(this.screen),
      this.footer.page(),
    ]);
  }

  #drawAlert(alert) {
    const p = this.#parts;
    if (this.#mode !== alert.id) this.#scroll.scrollTop = 0;
    this.#mode = alert.id;
    this.screen.link.history(alert.id);
    keep(this.#scroll, 'alert', () => Object.values(p));
    this.#drawHead(alert);
    this.#drawSpark(alert);
    why(p.why, this.screen, alert, this.redraw);
    story(p.story, this.screen, alert, this.redraw);
    this.#drawUnits(alert);
    this.actions.draw(this.#act, alert);
  }

  #drawHead(alert) {
    const { store, asOf, stale } = this.screen;
    const soon = alert.status === 'active' ? lead(alert, asOf, stale) : { kind: 'none' };
    const facts = this.#facts(alert);
    const name = place(store, alert);
    const text = headline(store, alert);
    keep(this.#parts.head, [lang(), alert.level, alert.status, alert.hazard, name, text, soon, facts], () => [
      h(
        'div.d-lv',
        null,
        levelMark(alert.level, alert.status !== 'active'),
        h(`b.w${alert.level}`, null, levelName(alert.level)),
        hazardIcon(alert.hazard),
        h('span', null, `${hazardName(alert.hazard)} · ${name}`),
      ),
      h('div.d-top', null, h('h1', null, text), leadLarge(soon)),
      h(
        'div.facts',
        null,
        facts.map(([label, value]) => h('div', null, h('span', null, label), h('b', null, value))),
      ),
    ]);
  }

  #facts(alert) {
    const { store } = this.screen;
    const main = mainEvidence(alert);
    const sensor = mainSensor(alert);
    const forecast = forecastOf(alert, sensor, this.screen.asOf);
    const facts = [
      forecast
        ? [t('chance'), `${Math.round(forecast.p * 100)}\u00a0%`]
        : [t('certainty'), t(alert.certainty)],
    ];
    if (alert.confirmation != null)
      facts.push([t('confirmation'), `${Math.round(alert.confirmation * 100)}\u00a0%`]);
    if (main && !counted(main))
      facts.push([
        t('nowValue'),
        quantity(store.series.get(sensor)?.points.at(-1)?.[1] ?? main.value, main.kind, unitOf(store, main)),
      ]);
    const speed = slope(store.series.get(sensor));
    if (speed) facts.push([t(speed.rising ? 'risingBy' : 'fallingBy'), speed.text]);
    else if (alert.trend) facts.push([t('trend'), t(alert.trend)]);
    const n = alert.cells.length;
    if (n) facts.push([t('area'), n === 1 ? t('oneCell') : t('cells', { n: number(n) })]);
    return facts;
  }

  #drawSpark(alert) {
    const sensor = mainSensor(alert);
    const series = this.screen.store.series.get(sensor);
    const moments = this.screen.store
      .story(alert.id)
      .filter((v, i, all) => i === 0 || all[i - 1].level !== v.level);
    this.#spark.draw(this.#parts.spark, { screen: this.screen, alert, sensor, series, moments });
  }

  #drawUnits(alert) {
    const units = alert.units || [];
    this.#parts.units.hidden = !units.length;
    keep(this.#parts.units, [lang(), units], () => [
      h('h2', null, t('units')),
      units.map((u) =>
        h(
          'div.unit',
          null,
          sign('truck'),
          h(
            'div',
            null,
            h('b', null, t('unitEta', { id: u.id, eta: `${Math.round(u.eta_s / 60)}\u00a0min` })),
            h('span', null, pick(u.reason)),
          ),
        ),
      ),
    ]);
  }
}
