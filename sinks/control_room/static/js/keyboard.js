// Keys: j k move, a c f s act, / finds, Enter opens, Esc closes, m mutes. Each has a button too.

const OPS = { a: 'ack', c: 'confirm', f: 'false_alarm', s: 'shelve' };

export function listen({ actions, list, step, open, close, mute }) {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches?.('input');
    if (event.key === 'Escape') return typing ? list.stopSearch() : close();
    if (typing) return event.key === 'Enter' ? open() : undefined;
    const key = event.key.toLowerCase(); // Caps Lock may be on
    if (key in OPS && !event.repeat) return actions.press(OPS[key]);
    if (key === 'j' || key === 'k') return step(key === 'j' ? 1 : -1);
    if (key === 'm') return mute();
    if (key !== '/') return undefined;
    event.preventDefault(); // or the slash would be typed into the box it opens
    return list.search();
  });
}
