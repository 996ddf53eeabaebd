// The image of a run at one step, with its layers: mask, heat map, path, points, score window.

const LARGE = 300; // CSS pixels from which on marks have their full size

class Stage {
  /**
   * `probed(place)` is called with the place (x, y) under the pointer, or null, and
   * `look(viewport)` with what is to be seen; `kernel` is asked for images that the frames lack.
   */
  constructor(run, number, scale, probed, look, kernel) {
    this.run = run;
    this.number = number;
    this.scale = scale;
    const [height, width] = run.size;
    this.canvas = element("canvas", { width: run.shown[1], height: run.shown[0], role: "img" });
    this.mask = element("img", { alt: "", class: "mask" });
    this.overlay = drawn("svg", {
      viewBox: `-0.5 -0.5 ${width} ${height}`,
      "aria-hidden": "true",
    });
    this.heat = element("canvas", { class: "heat", "aria-hidden": "true" });
    const layers = [this.canvas, this.mask, this.heat, this.overlay];
    this.pane = element("div", { class: "pane" }, ...layers);
    this.box = element("div", { class: "stage" }, this.pane);
    this.box.style.setProperty("--ratio", width / height);
    this.line = element("p", { class: "line" });
    this.figure = element("figure", {}, this.box, this.line);
    this.images = new Map();
    this.kernel = kernel;
    this.wanted = null;
    this.painted = false;
    this.width = LARGE; // CSS pixels, until the browser tells
    this.viewport = WHOLE;
    this.listen(probed);
    listenForZoom(
      this.box,
      (factor, event) => look(zoomed(this.viewport, factor, this.shareUnder(event))),
      (dx, dy) => look(moved(this.viewport, dx, dy))
    );
  }

  /** Put the run's name above the image. */
  named() {
    const title = element("figcaption", {}, element("span", { class: "name" }, this.run.name));
    this.figure.prepend(title);
    return this;
  }

  listen(probed) {
    this.box.addEventListener("pointermove", (event) => probed(this.placeUnder(event)));
    this.box.addEventListener("pointerdown", (event) => probed(this.placeUnder(event)));
    this.box.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") probed(null);
    });
    onWidth(this.box, (width) => {
      this.width = width;
      if (this.state) this.draw(this.state);
    });
  }

  /** Where the pointer is, in shares of the image's width and height. */
  shareUnder(event) {
    const pane = this.pane.getBoundingClientRect();
    return [(event.clientX - pane.left) / pane.width, (event.clientY - pane.top) / pane.height];
  }

  placeUnder(event) {
    const [height, width] = this.run.size;
    const [across, down] = this.shareUnder(event);
    return [across * width - 0.5, down * height - 0.5];
  }

  draw(state) {
    this.state = state;
    const position = state.positions[this.number];
    const frame = this.run.frames[position];
    const { layers } = state;
    this.zoom(state.viewport);
    this.drawImage(frame, position);
    this.drawMask(frame, layers.has("mask"));

    const map = scoreMap(frame, Math.min(state.handle, frame.points.length - 1), 0);
    const seen = map && map.low !== null ? map : null;
    this.drawHeat(seen, layers.has("heat"));
    this.overlay.replaceChildren(
      ...(layers.has("trail") ? this.trails(position) : []),
      ...(seen && layers.has("window") ? windowFrame(seen, this.unit) : []),
      ...(layers.has("points") ? this.pairs(frame) : []),
      ...this.cross(state.probe)
    );
    this.say(frame, state);
  }

  /** Show what is in the viewport; marks keep their size. */
  zoom(viewport) {
    this.viewport = viewport;
    this.pane.style.transform = transformOf(viewport);
    this.box.classList.toggle("zoomed", viewport.scale > 1);
    const whole = (this.run.size[1] / this.width) * Math.min(1, 0.5 + this.width / LARGE / 2);
    this.unit = whole / viewport.scale;
  }

  say(frame, state) {
    const known = frame.image || frame.sketch || !this.kernel?.busy();
    const extra = known ? remark(this.run, state.step) : "its image comes when the run rests";
    const words = sentence(this.run, frame);
    this.line.textContent = extra ? `${words} (${extra})` : words;
    this.canvas.setAttribute("aria-label", `${this.run.name}: ${this.line.textContent}`);
  }

  /** Paint the frame's image as soon as the browser has read it, unless another is wanted then. */
  drawImage(frame, position) {
    if (!frame.image) this.kernel?.image(position);
    const source = frame.image ?? frame.sketch;
    if (source === this.wanted && this.painted) return;
    this.wanted = source;
    this.painted = false;
    if (!source) {
      if (this.kernel.busy()) this.paintNothing(); // else it is on its way
      return;
    }
    const image = this.images.get(source) ?? new Image();
    if (!image.src) image.src = source;
    if (frame.image) this.images.set(source, image); // a sketch is shown once
    if (image.complete) this.paint(image);
    else image.addEventListener("load", () => this.wanted === source && this.paint(image));
  }

  /** There is no image of a step that a run passed quickly, and none is asked for meanwhile. */
  paintNothing() {
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.painted = true;
  }

  paint(image) {
    this.canvas.getContext("2d").drawImage(image, 0, 0);
    this.painted = true;
  }

  drawMask(frame, wanted) {
    const { mask } = editOf(this.run, frame);
    this.mask.hidden = !(mask && wanted);
    if (mask && this.mask.getAttribute("src") !== mask) this.mask.src = mask;
  }

  /** The scores where they were read. */
  drawHeat(map, wanted) {
    this.heat.hidden = !(map && wanted);
    if (this.heat.hidden) return;
    paintMap(this.heat, map, this.scale);
    const [height, width] = this.run.size;
    const side = map.side * map.stride;
    const percent = (value, whole) => `${(100 * value) / whole}%`;
    this.heat.style.left = percent(map.centre[0] + 0.5 - side / 2, width);
    this.heat.style.top = percent(map.centre[1] + 0.5 - side / 2, height);
    this.heat.style.width = percent(side, width);
    this.heat.style.height = percent(side, height);
  }

  trails(position) {
    const frames = this.run.frames.slice(0, position + 1);
    return frames[0].points.map((begin, i) => {
      const places = frames.map((frame) => frame.points[i].join(" "));
      return trail(begin, `M${places.join("L")}`, this.unit);
    });
  }

  pairs(frame) {
    const { targets } = editOf(this.run, frame);
    const many = targets.length > 1;
    const names = targets.map((_, i) => (many ? String(i) : ""));
    return [
      ...targets.map((target, i) => arrow(frame.points[i], target, this.unit)),
      ...targets.map((target, i) => targetMark(target, names[i], this.unit)),
      ...frame.points.map((point, i) => handleMark(point, names[i], this.unit)),
    ];
  }

  /** Where the cell under the pointer is in this image. */
  cross(probe) {
    return probe && probe.run === this.number ? [crossMark(probe.place, this.unit)] : [];
  }
}
