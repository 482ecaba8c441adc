// A lead time drawn: small in a row and on the map, large in the detail.
import { h } from './dom.js';
import { t } from './i18n.js';

const AROUND = { in: ['leadInPre', 'leadInPost'], for: ['leadForPre', null], at: ['leadAtPre', null] };
const LABEL = { in: 'expectedIn', at: 'expectedAt', for: 'underWay', due: 'expectedIn', was: 'notObserved' };

/** In a row: the words around the number are small. */
export function leadSmall({ kind, value }) {
  const [pre, post] = (AROUND[kind] || []).map((key) => (key ? t(key) : ''));
  const number = h(kind === 'in' || kind === 'at' ? 'b' : 'b.past', null, value);
  return h('div.lead', null, pre && h('span', null, pre), number, post && h('span', null, post));
}

/** In the detail: the number large, its meaning below. */
export function leadLarge({ kind, value }) {
  if (kind === 'none') return null;
  const label = kind === 'due' ? '' : t(LABEL[kind]);
  return h('div.d-lead', null, h('b', null, value), h('span', null, label));
}
