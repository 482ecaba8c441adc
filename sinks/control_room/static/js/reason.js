// The engine's reasons in the operator's language. The alert carries one English line; its sentences
// are few and known, so each is said whole in both languages. An unknown one is shown as it came.
import { lang, named } from './i18n.js';

const LEVEL = { red: '红色', orange: '橙色', yellow: '黄色', blue: '蓝色' };
const COLOUR = '(red|orange|yellow|blue)';

const NOUN = { sensor: '个传感器', report: '条报告', silent: '个无数据的传感器' };

const PERSON =
  /^(ack|confirm|false_alarm|resolve|shelve|unshelve|note) by (.+?)(?:, who saw version (\d+): it is worse since)?(?:: (.*))?$/s;
const DEEDS = {
  ack: [(who) => `Acknowledged by ${who}`, (who) => `${who} 签收`],
  confirm: [(who) => `Confirmed by ${who}`, (who) => `${who} 判定属实`],
  false_alarm: [(who) => `Judged a false alarm by ${who}`, (who) => `${who} 判定误报`],
  resolve: [(who) => `Resolved by ${who}`, (who) => `${who} 办结`],
  shelve: [(who) => `Shelved by ${who}`, (who) => `${who} 搁置`],
  unshelve: [(who) => `Taken off the shelf by ${who}`, (who) => `${who} 取消搁置`],
  note: [(who) => `Note by ${who}`, (who) => `${who} 备注`],
};
const IN_VAIN = [
  (seen) => `, without effect: it got worse after version ${seen}`,
  (seen) => `，未生效：第 ${seen} 版之后已加重`,
];

// [pattern, English, Chinese]; the pattern's groups are the arguments.
const SENTENCES = [
  [
    new RegExp(`^issued at ${COLOUR}: (.+)$`),
    null,
    (_, level, why) => `发布（${LEVEL[level]}）：${behind(why)}`,
  ],
  [
    new RegExp(`^issued again at ${COLOUR}: (.+)$`),
    null,
    (_, level, why) => `再次发布（${LEVEL[level]}）：${behind(why)}`,
  ],
  [
    new RegExp(`^escalated at ${COLOUR}: (.+)$`),
    (_, level, why) => `Escalated to ${level}: ${why}`,
    (_, level, why) => `升级至${LEVEL[level]}：${behind(why)}`,
  ],
  [
    new RegExp(`^eased to ${COLOUR}: lower for (\\d+) min$`),
    null,
    (_, level, n) => `降至${LEVEL[level]}：已降低 ${n} 分`,
  ],
  [/^cleared: nothing unusual for (\d+) min$/, null, (_, n) => `解除：${n} 分内无异常`],
  [/^spread to (\d+) cells: (.+)$/, null, (_, n, why) => `扩大至 ${n} 格：${behind(why)}`],
  [/^now in 1 cell: (.+)$/, null, (_, why) => `现为 1 格：${behind(why)}`],
  [/^reached as expected: (.+)$/, null, (_, why) => `已如预计达到：${behind(why)}`],
  [/^worse is expected: (.+)$/, null, (_, why) => `预计更严重：${behind(why)}`],
  [/^expected later: (.+)$/, null, (_, why) => `预计推迟：${behind(why)}`],
  [/^not reached as expected: (.+)$/, null, (_, why) => `未如预计达到：${behind(why)}`],
  [/^no longer shelved: (.+)$/, null, (_, why) => `搁置到期：${behind(why)}`],
  [
    /^takes over what people said of one that joins: (.+)$/,
    null,
    (_, why) => `沿用并入预警的处置意见：${behind(why)}`,
  ],
  [/^reports agree: (.+)$/, null, (_, why) => `市民报告一致：${behind(why)}`],
  [/^sensors agree: (.+)$/, null, (_, why) => `传感器一致：${behind(why)}`],
  [/^joined (\S+)$/, null, (_, id) => `并入 ${id}`],
  [PERSON, (_, ...said) => did(0, ...said), (_, ...said) => did(1, ...said)],
];

// What a person did, whether it came too late, and what they wrote.
function did(language, op, by, seen, note) {
  const said = DEEDS[op][language](named(by)) + (seen ? IN_VAIN[language](seen) : '');
  return note ? `${said}${language ? '：' : ': '}${note}` : said;
}

// What stands behind a change, the end of most reasons: counts that agree, or one alone, and what is
// known of them.
function behind(all) {
  const [text, ...known] = all.split('; ');
  return [counted(text), ...known.map(remark)].join('；');
}

function counted(text) {
  if (text === 'signs that are weak each by itself') return '多个单独看来微弱的迹象';
  const counts = [...text.matchAll(/(\d+) (sensor|report|silent)/g)].map(
    ([, n, noun]) => `${n} ${NOUN[noun]}`,
  );
  if (!counts.length) return text;
  return text.endsWith('alone') ? `仅 ${counts[0]}` : `${counts.join('、')}一致`;
}

const REMARKS = [
  [/^(\d+) held to be faulty$/, (_, n) => `${n} 个判为故障`],
  [/^chance of confirmation (\d+) %$/, (_, n) => `属实概率 ${n} %`],
  [/^verdicts (raise|lower) it by ([\d.]+)$/, (_, way, n) => `判定使其${way === 'raise' ? '上调' : '下调'} ${n}`],
];

function remark(text) {
  const known = REMARKS.find(([pattern]) => pattern.test(text));
  return known ? text.replace(...known) : text;
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function reason(text = '') {
  const known = SENTENCES.find(([pattern]) => pattern.test(text));
  if (lang() === 'zh') return known ? text.replace(known[0], known[2]) : text;
  return capital(known?.[1] ? text.replace(known[0], known[1]) : text);
}
