// Keys: j k move, a c f s act, / finds, Enter opens, Esc closes, m mutes. Each has a button too.

const OPS = { a: 'ack', c: 'confirm', f: 'false_alarm', s: 'shelve' };

export function listen({ actions, list, step, open, close, mute }) {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches?.('input');
    if (event.key === 'Escape') return typing ? list.stopSearch() : close();
    if (typing) return event.key === 'Enter' ? open() : undefined;
    if (event.key in OPS && !event.repeat) return actions.press(OPS[event.key]);
    if (event.key === 'j' || event.key === 'k') return step(event.key === 'j' ? 1 : -1);
    if (event.key === 'm') return mute();
    if (event.key !== '/') return undefined;
    event.preventDefault(); // or the slash would be typed into the box it opens
    return list.search();
  });
}
