// One set of axes over the steps. A press or a pull on it shows the step there.

const LOW = 132; // the height of a narrow chart in CSS pixels
const HIGH = 172; // and of one that is wider than
const WIDE = 520; // in a window that is higher than
const TALL = 800;
const FAR = 1e300; // beyond it, differences are not finite
const ROOM = { left: 54, right: 18, top: 8, bottom: 22 }; // around the frame

/** About `count` round numbers, from at most `low` to at least `high`. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((m) => m >= rough * 0.999);
  const first = Math.floor(low / step + 1e-6);
  const last = Math.ceil(high / step - 1e-6);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** The outline of a diamond around a point. */
function diamondAt(x, y) {
  return `M${x - 5} ${y}L${x} ${y - 5}L${x + 5} ${y}L${x} ${y + 5}Z`;
}

/** The round numbers of a panel's vertical axis. */
function valueTicks(panel) {
  const lines = [...panel.lines, ...(panel.thresholds ?? [])];
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const known = values.filter((value) => value !== null);
  let low = known.reduce((a, b) => Math.min(a, b), panel.free ? Infinity : 0);
  let high = known.reduce((a, b) => Math.max(a, b), panel.free ? -Infinity : 0);
  if (!known.length) [low, high] = [0, 1];
  [low, high] = [low, high].map((value) => Math.min(Math.max(value, -FAR), FAR));
  return ticks(low, high > low ? high : low + Math.max(1, Math.abs(low) / 100), 3);
}

class Chart {
  /** `seek(step)` is called with the step under the pointer, which need not be whole. */
  constructor(panel, steps, seek) {
    this.panel = panel;
    this.seek = seek;
    this.values = valueTicks(panel);
    this.first = steps[0];
    this.last = Math.max(steps.at(-1), steps[0] + 1);
    this.svg = drawn("svg", { role: "img" });
    this.legend = legendOf(panel);
    this.known = panel.lines.some(isKnown);
    const plot = this.known ? this.svg : element("p", { class: "without" }, panel.without);
    const title = element("h3", { class: "name" }, panel.title);
    const head = element("div", { class: "head" }, title, this.legend.box);
    this.box = element("div", { class: "chart" }, head, plot);
    if (this.known) this.listen();
  }

  listen() {
    const follow = (event) => this.seek(this.stepAt(event));
    this.svg.addEventListener("pointerdown", (event) => {
      this.svg.setPointerCapture(event.pointerId);
      follow(event);
    });
    this.svg.addEventListener("pointermove", (event) => event.buttons && follow(event));
    onWidth(this.box, (width) => this.layout(width));
  }

  stepAt(event) {
    const x = event.clientX - this.svg.getBoundingClientRect().left;
    const share = (x - ROOM.left) / (this.width - ROOM.left - ROOM.right);
    return this.first + share * (this.last - this.first);
  }

  x(step) {
    const share = (step - this.first) / (this.last - this.first);
    return ROOM.left + share * (this.width - ROOM.left - ROOM.right);
  }

  y(value) {
    const [low, high] = [this.values[0], this.values.at(-1)];
    const share = (value - low) / (high - low);
    return this.base - share * (this.base - ROOM.top);
  }

  layout(width) {
    const height = width > WIDE && innerHeight > TALL ? HIGH : LOW;
    this.width = width;
    this.base = height - ROOM.bottom;
    change(this.svg, { width, height, viewBox: `0 0 ${width} ${height}` });
    this.cursor = drawn("g", { class: "cursor" });
    this.svg.replaceChildren(
      ...this.background(),
      ...this.axes(),
      ...(this.panel.thresholds ?? []).map((one) => this.path(one, "threshold")),
      ...this.panel.lines.map((one) => this.path(one, "curve")),
      ...(this.panel.swaps ?? []).map((step) => this.upright(step, "swap")),
      ...(this.panel.interventions ?? []).map((step) => this.diamond(step)),
      this.cursor
    );
    if (this.state) this.draw(this.state);
  }

  background() {
    const parts = (this.panel.doubts ?? []).map(([first, last]) => {
      const [left, right] = [first, last].map((step) => this.x(this.within(step)));
      return this.area("doubt", left, right, ROOM.top);
    });
    if (this.panel.band) {
      const top = this.y(Math.min(this.panel.band, this.values.at(-1)));
      parts.push(this.area("band", ROOM.left, this.width - ROOM.right, top));
    }
    return parts;
  }

  within(step) {
    return Math.min(Math.max(step, this.first), this.last);
  }

  area(style, left, right, top) {
    const size = { width: right - left, height: this.base - top };
    return drawn("rect", { class: style, x: left, y: top, ...size });
  }

  axes() {
    const right = this.width - ROOM.right;
    const grid = this.values.flatMap((value) => [
      drawn("path", { class: "grid", d: `M${ROOM.left} ${this.y(value)}H${right}` }),
      drawn("text", { class: "tick end", x: ROOM.left - 6, y: this.y(value) + 4 }, shown(value)),
    ]);
    const count = Math.min(Math.max(this.width / 90, 2), this.last - this.first);
    const isStep = (step) => Number.isInteger(step) && step === this.within(step);
    const steps = ticks(this.first, this.last, count).filter(isStep);
    const below = steps.map((step) =>
      drawn("text", { class: "tick middle", x: this.x(step), y: this.base + 16 }, String(step))
    );
    const floor = drawn("path", { class: "base", d: `M${ROOM.left} ${this.base}H${right}` });
    return [...grid, ...below, floor];
  }

  /** A line through the known values, interrupted where there is none. */
  path({ points, colour }, style) {
    let pen = "M";
    const parts = points.map(([step, value]) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const place = `${pen}${this.x(step).toFixed(1)} ${this.y(value).toFixed(1)}`;
      const dot = pen === "M" ? "h0" : ""; // so that a value without neighbours is seen
      pen = "L";
      return place + dot;
    });
    return drawn("path", { class: `${style} series-${colour % 6}`, d: parts.join("") });
  }

  diamond(step) {
    return drawn("path", { class: "intervention", d: diamondAt(this.x(step), this.base) });
  }

  upright(step, style) {
    const path = `M${this.x(step)} ${ROOM.top}V${this.base}`;
    return drawn("path", { class: style, d: path });
  }

  /** Move the cursor, and tell the values there. */
  draw(state) {
    this.state = state;
    this.legend.say(state);
    if (!this.cursor) return;
    const dots = this.panel.lines.map((one) => {
      const [step, value] = valueAt(one, state);
      if (value === null) return "";
      const place = { cx: this.x(step), cy: this.y(value) };
      return drawn("circle", { ...place, r: 4, class: `dot series-${one.colour % 6}` });
    });
    this.cursor.replaceChildren(this.upright(this.within(state.step), "now"), ...dots);
    this.svg.setAttribute("aria-label", `${this.panel.title}, ${this.legend.words()}`);
  }
}
