// Elements without markup strings: every piece of text becomes a text node, so what an alert says
// can never become an element.

/** Build `tag.class.class` with attributes and children; strings become text nodes. */
export function h(spec, attrs, ...kids) {
  const [tag, ...classes] = spec.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length) node.className = classes.join(' ');
  for (const [name, value] of Object.entries(attrs || {})) set(node, name, value);
  node.append(...kids.flat(3).filter((kid) => kid != null && kid !== false && kid !== ''));
  return node;
}

function set(node, name, value) {
  if (value == null || value === false) return;
  if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
  else if (name === 'style') Object.assign(node.style, value);
  else node.setAttribute(name, value === true ? '' : value);
}

/** Build an SVG element. */
export function svg(tag, attrs, ...kids) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attrs || {})) node.setAttribute(name, value);
  node.append(...kids.flat().filter((kid) => kid != null));
  return node;
}

const signatures = new WeakMap();
let drawing = 0;

/** Rebuild everything the next time, whatever its signature: times, say, are told otherwise now. */
export function drawAnew() {
  drawing += 1;
}

/** Rebuild the children of `host` only when the signature differs: focus and motion survive. */
export function keep(host, signature, build) {
  const text = `${drawing} ${typeof signature === 'string' ? signature : JSON.stringify(signature)}`;
  if (signatures.get(host) === text) return false;
  signatures.set(host, text);
  host.replaceChildren(...[build()].flat().filter((kid) => kid != null && kid !== false));
  return true;
}

const rows = new WeakMap();

/** Keep one child per item `{key, sign, build}`, in order; a child is rebuilt when its sign changes. */
export function keepEach(host, items) {
  const old = rows.get(host) || new Map();
  const focused = [...old].find(([, row]) => row.node.contains(document.activeElement))?.[0];
  const now = new Map();
  for (const item of items) {
    const row = old.get(item.key);
    const sign = `${drawing} ${item.sign}`;
    now.set(item.key, row && row.sign === sign ? row : { sign, node: item.build() });
  }
  rows.set(host, now);
  const nodes = [...now.values()].map((row) => row.node);
  if (nodes.length === host.children.length && nodes.every((node, i) => node === host.children[i])) return;
  const top = host.scrollTop;
  host.replaceChildren(...nodes);
  host.scrollTop = top;
  if (focused) now.get(focused)?.node.focus({ preventScroll: true });
}

/** Write text only when it differs. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const $ = (selector) => document.querySelector(selector);
