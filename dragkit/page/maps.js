// The score maps of one handle, large, each with its scale and its peaks.

const CELLS = 200; // the side of a map's drawing, in its own units

class ScoreCard {
  /** `probed(cell)` is called with the cell [row, column] under the pointer, or null. */
  constructor(scale, probed) {
    this.scale = scale;
    this.title = element("h4", { class: "name" });
    this.canvas = element("canvas", { class: "cells", role: "img" });
    this.marks = drawn("svg", { viewBox: `0 0 ${CELLS} ${CELLS}`, "aria-hidden": "true" });
    const bar = scaleBar(scale);
    this.numbers = ["", "", ""].map(() => element("span"));
    this.rows = ["", "", ""].map(() => element("span"));
    this.columns = ["", "", ""].map(() => element("span"));
    this.peaks = element("p", { class: "peaks" });
    this.window = element("div", { class: "window" }, this.canvas, this.marks);
    this.box = element(
      "div",
      { class: "card" },
      this.title,
      element("div", { class: "rows", "aria-hidden": "true" }, ...this.rows),
      this.window,
      element("div", { class: "columns", "aria-hidden": "true" }, ...this.columns),
      element("div", { class: "bar" }, bar, element("div", { class: "numbers" }, ...this.numbers)),
      this.peaks
    );
    this.listen(probed);
  }

  listen(probed) {
    const look = (event) => probed(this.cellUnder(event));
    this.window.addEventListener("pointermove", look);
    this.window.addEventListener("pointerdown", look);
    this.window.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") probed(null);
    });
  }

  cellUnder(event) {
    if (!this.map) return null;
    const box = this.window.getBoundingClientRect();
    const { side } = this.map;
    const row = Math.floor(((event.clientY - box.top) / box.height) * side);
    const column = Math.floor(((event.clientX - box.left) / box.width) * side);
    return [row, column].map((value) => Math.min(Math.max(value, 0), side - 1));
  }

  draw(map, cell) {
    this.map = map;
    this.box.hidden = !map;
    if (!map) return;
    this.title.textContent = map.name;
    paintMap(this.canvas, map, this.scale);
    this.canvas.setAttribute("aria-label", `${map.name}: ${peaksInWords(map)}`);
    this.marks.replaceChildren(...peakMarks(map), ...(cell ? [cellMark(map, cell)] : []));
    this.drawNumbers(map);
    this.peaks.textContent = cell ? cellInWords(map, cell) : peaksInWords(map);
  }

  drawNumbers(map) {
    const middle = map.low === null ? null : (map.low + map.high) / 2;
    [map.low, middle, map.high].forEach((value, i) => {
      this.numbers[i].textContent = shownWithin(map.high - map.low, value);
    });
    [0, (map.side - 1) / 2, map.side - 1].forEach((cell, i) => {
      const [x, y] = placeOf(map, cell, cell);
      this.columns[i].textContent = `${i ? "" : "x "}${Math.round(10 * x) / 10}`;
      this.rows[i].textContent = `${i ? "" : "y "}${Math.round(10 * y) / 10}`;
    });
  }
}

/** The whole scale of colours, for the eye alone: its numbers stand below it. */
function scaleBar(scale) {
  const size = { width: 256, height: 1 };
  const bar = element("canvas", { class: "scale", ...size, "aria-hidden": "true" });
  paintScale(bar, scale);
  return bar;
}

/** The middle of a cell and half its width, in units of the drawing. */
function spot(map, [row, column]) {
  const width = CELLS / map.side;
  return [(column + 0.5) * width, (row + 0.5) * width, width / 2];
}

/** The search centre, and the best and second best cell; or what a goal was chosen from. */
function peakMarks(map) {
  const plus = `M${CELLS / 2} ${CELLS / 2 - 5}v10m-5 -5h10`;
  const marks = stroke(plus, "arrow", 1.5, 1);
  if (map.candidates) return [...marks, ...map.candidates.flatMap((one) => dotMark(map, one))];
  if (map.best) {
    const [x, y, half] = spot(map, map.best);
    const radius = Math.min(Math.max(half - 1, 4), 10);
    marks.push(circle([x, y], radius, "best under"), circle([x, y], radius, "best"));
  }
  if (map.second) {
    const [x, y, half] = spot(map, map.second);
    const r = Math.min(Math.max(half - 1, 4), 10);
    marks.push(...stroke(`M${x} ${y - r}l${r} ${r}l${-r} ${r}l${-r} ${-r}z`, "arrow", 1.5, 1));
  }
  return marks;
}

/** A place that a goal was chosen from, if it is in the window. */
function dotMark(map, place) {
  const [x, y] = place.map(
    (value, i) => ((value - map.centre[i]) / map.stride / map.side + 0.5) * CELLS
  );
  const inside = Math.min(x, y) >= 0 && Math.max(x, y) <= CELLS;
  return inside ? [circle([x, y], 3.5, "rim"), circle([x, y], 2.5, "white")] : [];
}

function cellMark(map, cell) {
  const [x, y, half] = spot(map, cell);
  const path = `M${x - half} ${y - half}h${2 * half}v${2 * half}h${-2 * half}z`;
  return drawn("g", { class: "mark-cell" }, ...stroke(path, "arrow", 1.5, 1));
}

/** The two peaks and the margin between them. */
function peaksInWords(map) {
  if (!map.best) return "no score";
  const at = ([row, column, value]) =>
    `${shownWithin(map.high - map.low, value)} at ${shownPlace(placeOf(map, row, column))}`;
  const best = `best ${at(map.best)}`;
  if (!map.second) return `${best}; no second peak`;
  return `${best}; second ${at(map.second)}; margin ${shown(map.best[2] - map.second[2])}`;
}

function cellInWords(map, [row, column]) {
  const value = scoreAt(map, row, column);
  const place = `pixel ${shownPlace(placeOf(map, row, column))}`;
  if (value === null) return `${place}: outside the image`;
  return `${place}: ${shownWithin(map.high - map.low, value)}`;
}

/** The cards of all runs; `probe` is {run, cell, place} of the cell that is pointed at. */
class ScoreMaps {
  constructor(runs, scale, probed) {
    this.runs = runs;
    this.scale = scale;
    this.probed = probed;
    this.rows = runs.map((run) => {
      const name = runs.length > 1 ? [element("h3", { class: "name" }, run.name)] : [];
      const meaning = element("p", { class: "meaning" });
      const group = element("div", { class: "cards" });
      part("maps").append(element("div", { class: "row" }, ...name, meaning, group));
      return { meaning, group, cards: [] };
    });
  }

  /** The cards of a run: as many as any of its frames up to now had maps. */
  cards(number, count) {
    const { group, cards } = this.rows[number];
    while (cards.length < count) {
      const card = new ScoreCard(this.scale, (cell) => this.probed(number, cell, card.map));
      cards.push(card);
      group.append(card.box);
    }
    return cards;
  }

  draw(state) {
    let seen = false;
    this.runs.forEach((run, number) => {
      const frame = run.frames[state.positions[number]];
      const handle = Math.min(state.handle, frame.points.length - 1);
      const cell = state.probe?.run === number ? state.probe.cell : null;
      this.rows[number].meaning.textContent = run.meanings[frame.tracker];
      this.cards(number, frame.scores?.names.length ?? 0).forEach((card, i) => {
        const map = scoreMap(frame, handle, i);
        seen ||= map !== null;
        card.draw(map, cell);
      });
    });
    part("no-maps").hidden = seen;
    part("explained").hidden = this.rows.every(({ cards }) => !cards.length);
  }
}
