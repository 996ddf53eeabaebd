// The page: one state, and the parts that draw it.

class Page {
  constructor({ title, scale, runs }) {
    this.runs = runs;
    this.scale = decoded(scale);
    this.steps = allSteps(runs);
    this.state = { at: this.steps.length - 1, handle: 0, layers: new Set(), probe: null };
    document.title = title;
    part("title").textContent = title;
    part("subtitle").textContent = subtitle(runs);
    document.body.dataset.runs = runs.length;
    fillSettings(runs);

    const probed = (number, cell, map) => this.probe(number, cell, map);
    this.transport = new Transport(this.steps, (at) => this.change({ at, probe: null }));
    this.views = [...this.stages(), new ScoreMaps(runs, this.scale, probed), this.transport];
    this.offerLayers();
    this.offerHandles();
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
  }

  stages() {
    const many = this.runs.length > 1;
    return this.runs.map((run, number) => {
      const stage = new Stage(run, number, this.scale, (place) => this.look(number, place));
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
    const frames = this.runs.flatMap((run) => run.frames);
    const present = {
      mask: this.runs.some((run) => run.edits.some((edit) => edit.mask)),
      window: frames.some((frame) => frame.scores),
      heat: frames.some((frame) => frame.scores),
    };
    for (const box of boxes) {
      box.disabled = present[box.value] === false;
      box.addEventListener("change", choose);
    }
    choose();
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

new Page(JSON.parse(part("data").textContent));
