// Which language the screen speaks, and how it says a sentence. Sentences are whole in both
// languages with named holes; none is put together from fragments.
import { WORDS } from './words.js';

const KEY = 'citywatch.lang';
const asked = new URLSearchParams(location.search).get('lang');
let current = asked || stored() || (navigator.language.startsWith('zh') ? 'zh' : 'en');
if (current !== 'zh') current = 'en';
show();

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage may be forbidden: the choice then lasts as long as the page
  }
}

// The language tag also chooses the mainland forms of Han glyphs.
function show() {
  document.documentElement.lang = current === 'zh' ? 'zh-CN' : 'en';
}

export const lang = () => current;

export function speak(language) {
  current = language;
  show();
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // as above
  }
}

/** Say a sentence of the dictionary, its holes filled. */
export function t(key, holes) {
  const entry = WORDS[key];
  if (!entry) return key;
  const text = entry[current === 'zh' ? 1 : 0];
  return holes ? text.replace(/\{(\w+)\}/g, (_, name) => holes[name] ?? '') : text;
}

/** Offices have names in both languages; anybody else is called as they wrote themselves. */
export const named = (who) => (WORDS[`office_${who}`] ? t(`office_${who}`) : who);

/** Pick the language of a `{en, zh}` text out of a message; the other one if it is empty. */
export function pick(text) {
  if (text == null) return '';
  if (typeof text === 'string') return tie(text);
  return tie(text[current] || text.en || text.zh || '');
}

const UNITS = /(\d) (?=(?:m|cm|mm|km|min|h|s|%|米|厘米|毫米|分|时|公里|小时)(?:\W|$|\/))/g;

// A number never parts from its unit at the end of a line.
const tie = (text) => text.replace(UNITS, '$1\u00a0');
