// Chevrons drifting down the rivers, 6 px a second, on a canvas of their own: the map itself
// is not redrawn for them.

const DRIFT = 6; // px a second
const SPACING = 46;
const FRAME_MS = 160; // a pixel a frame; more would only heat the room
const still = matchMedia('(prefers-reduced-motion: reduce)');

export class Flow {
  #canvas = Object.assign(document.createElement('canvas'), { id: 'flow' });
  #paths = [];
  #shown = 0;

  constructor(map, rivers, k, colour) {
    Object.assign(this, { map, rivers, k, colour, moving: true });
    map.getCanvas().after(this.#canvas);
    map.on('move', () => this.#place());
    map.on('resize', () => this.#place());
    this.#place();
    this.timer = setInterval(
      () => this.moving && !still.matches && !document.hidden && this.#draw(),
      FRAME_MS,
    );
  }

  remove() {
    clearInterval(this.timer);
    this.#canvas.remove();
  }

  // Rivers in pixels, with the way along each.
  #place() {
    this.#paths = this.rivers.features.map((f) => {
      let along = 0;
      let last = null;
      return f.geometry.coordinates.map((at) => {
        const p = this.map.project(at);
        if (last) along += Math.hypot(p.x - last.x, p.y - last.y);
        last = { x: p.x, y: p.y, along };
        return last;
      });
    });
    const { clientWidth: wide, clientHeight: high } = this.map.getContainer();
    const dpr = devicePixelRatio || 1;
    if (this.#canvas.width !== Math.round(wide * dpr) || this.#canvas.height !== Math.round(high * dpr))
      Object.assign(this.#canvas, { width: Math.round(wide * dpr), height: Math.round(high * dpr) });
    this.#draw();
  }

  #draw() {
    const pen = this.#canvas.getContext('2d');
    const dpr = devicePixelRatio || 1;
    const { k } = this;
    const step = SPACING * k;
    if (this.moving && !still.matches) this.#shown = (performance.now() / 1000) * DRIFT * k;
    pen.setTransform(dpr, 0, 0, dpr, 0, 0);
    pen.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    Object.assign(pen, {
      strokeStyle: this.colour,
      lineWidth: 1.4 * k,
      lineCap: 'round',
      lineJoin: 'round',
      globalAlpha: this.moving ? 0.75 : 0.25,
    });
    this.#paths.forEach((path, i) =>
      this.#chevrons(pen, path, (this.#shown + i * 17) % step, step, this.#size(i)),
    );
  }

  #size(i) {
    return (this.rivers.features[i].properties.width > 400 ? 3.4 : 2.5) * this.k;
  }

  #chevrons(pen, path, start, step, size) {
    let next = start;
    for (let i = 1; i < path.length; i++) {
      const [a, b] = [path[i - 1], path[i]];
      while (next <= b.along) {
        const f = (next - a.along) / (b.along - a.along || 1);
        chevron(pen, a.x + f * (b.x - a.x), a.y + f * (b.y - a.y), Math.atan2(b.y - a.y, b.x - a.x), size);
        next += step;
      }
    }
  }
}

function chevron(pen, x, y, turn, size) {
  if (x < 0 || y < 0 || x > pen.canvas.width || y > pen.canvas.height) return;
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  const at = (u, v) => [x + (u * c - v * s) * size, y + (u * s + v * c) * size];
  pen.beginPath();
  pen.moveTo(...at(-0.5, -1));
  pen.lineTo(...at(0.5, 0));
  pen.lineTo(...at(-0.5, 1));
  pen.stroke();
}
