// The page: one state, and the parts that draw it.

const PAUSE = 300; // ms at least between drawings of curves and settings while a run grows
const AHEAD = 3; // images that are asked for before they are wanted

class Page {
  /**
   * `kernel` is asked for images that the contents lack, and told which step is shown:
   * {image(position), showing(position), busy()}. `at` is the position to begin at, if that is not
   * the end.
   */
  constructor({ title, scale, runs }, kernel = null, at = null) {
    this.runs = runs;
    this.scale = decoded(scale);
    this.steps = allSteps(runs);
    const begin = at ?? this.steps.length - 1;
    this.state = { at: begin, handle: 0, layers: new Set(), probe: null, viewport: WHOLE };
    this.kernel = kernel;
    part("title").textContent = title;
    part("subtitle").textContent = subtitle(runs);
    part("page").dataset.runs = runs.length;
    fillSettings(runs);

    const probed = (number, cell, map) => this.probe(number, cell, map);
    const show = (at) => this.change({ at, probe: null });
    this.stages = this.makeStages();
    this.transport = new Transport(this.steps, show, () => this.painted());
    this.views = [...this.stages, new ScoreMaps(runs, this.scale, probed), this.transport];
    this.offerLayers();
    this.offerHandles();
    this.offerZoom();
    this.drawCharts();
    this.draw();
  }

  /** Draw again, once for all changes until the browser draws. */
  change(values) {
    Object.assign(this.state, values);
    this.transport.at = this.state.at;
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.draw();
    });
  }

  draw() {
    const { state } = this;
    state.step = this.steps[state.at];
    state.positions = this.runs.map((run) => positionAt(run, state.step));
    for (const view of [...this.views, ...this.charts]) view.draw(state);
    if (this.kernel) this.tell(state.positions[0]);
  }

  /** Tell the kernel which step is shown, and ask for the next images early while it plays. */
  tell(at) {
    this.kernel.showing(at);
    if (!this.transport.playing) return;
    const { frames } = this.runs[0];
    frames.slice(at + 1, at + 1 + AHEAD).forEach((frame, i) => {
      if (!frame.image) this.kernel.image(at + 1 + i);
    });
  }

  /**
   * Go on with other frames of the only run from the position `begin` on, those before stay; who
   * looks at its last step goes on looking there.
   */
  grow(begin, { frames, ...rest }) {
    const [run] = this.runs;
    const follows = this.state.at === this.steps.length - 1;
    const before = run.frames.slice(0, begin);
    for (const frame of before) delete frame.sketch;
    Object.assign(run, rest, { frames: [...before, ...frames] });
    this.steps = allSteps(this.runs);
    const last = this.steps.length - 1;
    this.transport.grow(this.steps);
    part("subtitle").textContent = subtitle(this.runs);
    this.nameLayers();
    this.growing ??= setTimeout(() => {
      this.growing = null;
      fillSettings(this.runs);
      this.drawCharts();
    }, PAUSE);
    this.change({ at: follows ? last : Math.min(this.state.at, last), probe: null });
  }

  /** Take an image that the kernel was asked for. */
  take(position, step, image) {
    const frame = this.runs[0].frames[position];
    if (frame?.step !== step) return; // it was of a branch that has been left
    frame.image = image;
    delete frame.sketch;
    this.change({});
  }

  /** Do nothing any more: its elements are taken away. */
  end() {
    this.transport.pause();
    clearTimeout(this.growing);
    cancelAnimationFrame(this.waiting);
  }

  /** Whether what is wanted has been painted, so that no step is left out while it plays. */
  painted() {
    return !this.waiting && this.stages.every((stage) => stage.painted);
  }

  makeStages() {
    const many = this.runs.length > 1;
    return this.runs.map((run, number) => {
      const look = (place) => this.look(number, place);
      const see = (viewport) => this.change({ viewport });
      const stage = new Stage(run, number, this.scale, look, see, this.kernel);
      part("stages").append((many ? stage.named() : stage).figure);
      return stage;
    });
  }

  drawCharts() {
    const { runs, state } = this;
    const panels =
      runs.length > 1 ? panelsOfRuns(runs, state.handle) : panelsOfRun(runs[0], state.handle);
    const seek = (step) => this.transport.seekStep(step);
    this.charts = panels.map((panel) => new Chart(panel, this.steps, seek));
    part("charts").replaceChildren(...this.charts.map(({ box }) => box));
    this.change({});
  }

  offerLayers() {
    const boxes = part("layers").querySelectorAll("input");
    paintScale(part("layers").querySelector("canvas"), this.scale);
    const choose = () => {
      const chosen = [...boxes].filter((box) => box.checked && !box.disabled);
      this.change({ layers: new Set(chosen.map((box) => box.value)) });
    };
    for (const box of boxes) box.addEventListener("change", choose);
    this.chooseLayers = choose;
    this.nameLayers();
  }

  /** Offer the layers that some frame has. */
  nameLayers() {
    const frames = this.runs.flatMap((run) => run.frames);
    const scored = frames.some((frame) => frame.scores);
    const masked = this.runs.some((run) => run.edits.some((edit) => edit.mask));
    const present = { mask: masked, window: scored, heat: scored };
    for (const box of part("layers").querySelectorAll("input")) {
      box.disabled = present[box.value] === false;
    }
    this.chooseLayers();
  }

  offerHandles() {
    const count = handleCount(this.runs);
    for (let i = 0; i < count; i++) {
      part("handle").append(element("option", { value: i }, String(i)));
    }
    part("handle-choice").hidden = count < 2;
    part("handle").addEventListener("change", () => {
      this.state.handle = Number(part("handle").value);
      this.drawCharts();
    });
  }

  offerZoom() {
    part("larger").addEventListener("click", () => this.zoom(STEP));
    part("smaller").addEventListener("click", () => this.zoom(1 / STEP));
    part("whole").addEventListener("click", () => this.zoom(0));
    this.transport.onKey(ZOOM_KEYS, (factor) => this.zoom(factor));
  }

  /** Zoom at the handle; a factor of 0 shows the whole image. */
  zoom(factor) {
    const [run] = this.runs;
    const [x, y] = run.frames[this.state.positions[0]].points[this.state.handle];
    const handle = [(x + 0.5) / run.size[1], (y + 0.5) / run.size[0]];
    const seen = withPlace(this.state.viewport, handle);
    this.change({ viewport: factor ? zoomed(seen, factor, handle) : WHOLE });
  }

  /** Link a cell of a score map with its place in the image. */
  probe(number, cell, map) {
    if (!cell || !map) this.change({ probe: null });
    else this.change({ probe: { run: number, cell, place: placeOf(map, ...cell) } });
  }

  /** Link a place in an image with its cell in the score maps. */
  look(number, place) {
    const frame = this.runs[number].frames[this.state.positions[number]];
    const map = scoreMap(frame, this.state.handle, 0);
    this.probe(number, place && map && cellAt(map, place), map);
  }
}

/** How a run ended, or what is shown of several. */
function subtitle(runs) {
  if (runs.length === 1) return runs[0].why;
  return `${runs.length} runs on one time axis; a shorter one stays at its last step.`;
}
