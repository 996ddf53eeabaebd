// What a run holds, read from the page's data: steps, distances, scores.

/** The numbers of all steps that some run has, rising. */
function allSteps(runs) {
  const steps = runs.flatMap((run) => run.frames.map((frame) => frame.step));
  return [...new Set(steps)].sort((a, b) => a - b);
}

/** The position of the frame with that step, or of the last one before; else of the first. */
function positionAt(run, step) {
  const after = run.frames.findIndex((frame) => frame.step > step);
  return after < 0 ? run.frames.length - 1 : Math.max(after - 1, 0);
}

/** How many handles every run has. */
function handleCount(runs) {
  return Math.min(...runs.map((run) => run.frames[0].points.length));
}

/** The edit that a frame belongs to. */
function editOf(run, frame) {
  return run.edits[frame.edit];
}

/** From a handle to its target, in pixels. */
function distance(run, frame, handle) {
  const [x, y] = frame.points[handle];
  const [u, v] = editOf(run, frame).targets[handle];
  return Math.hypot(u - x, v - y);
}

/** Why a run shows another step than the others, in words; empty if it does not. */
function remark(run, step) {
  if (run.frames.at(-1).step < step) return "ended";
  if (run.frames[0].step > step) return "begins here";
  return "";
}

/** A frame in words: its step and how far each handle has to go. */
function sentence(run, frame) {
  const distances = frame.points.map((_, i) => shown(distance(run, frame, i)));
  const arrived = frame.arrived.filter(Boolean).length;
  const measured = frame.confidence.filter((value) => value !== null);
  const confidence = measured.length ? ` · confidence ${shown(Math.min(...measured))}` : "";
  return `step ${frame.step} · ${distances.join(", ")} px to go${confidence}` +
    ` · arrived ${arrived}/${frame.arrived.length}`;
}

/** One score map of a handle: a square of `side` × `side` cells; null if there is none. */
function scoreMap(frame, handle, number) {
  const { scores } = frame;
  if (!scores || number >= scores.names.length) return null;
  scores.bytes ??= decoded(scores.cells);
  const index = handle * scores.names.length + number;
  const count = scores.side ** 2;
  return {
    name: scores.names[number],
    side: scores.side,
    stride: scores.stride,
    centre: scores.centres[handle],
    cells: scores.bytes.subarray(index * count, (index + 1) * count),
    low: scores.low[index],
    high: scores.high[index],
    best: scores.best[index],
    second: scores.second[index],
    candidates: scores.candidates && scores.candidates[handle],
  };
}

const NO_SCORE = 255; // the byte of a cell outside the image; the others go from 0 to 254

/** The score of a cell, as exactly as a byte can tell; null outside the image. */
function scoreAt(map, row, column) {
  const level = map.cells[row * map.side + column];
  if (level === NO_SCORE || map.low === null) return null;
  return map.low + ((map.high - map.low) * level) / 254;
}

/** The place in the image of a cell, (x, y) in pixels. */
function placeOf(map, row, column) {
  const middle = (map.side - 1) / 2;
  const [x, y] = map.centre;
  return [x + (column - middle) * map.stride, y + (row - middle) * map.stride];
}

/** The cell [row, column] at a place in the image; null outside the window. */
function cellAt(map, [x, y]) {
  const column = Math.floor((x - map.centre[0]) / map.stride + map.side / 2);
  const row = Math.floor((y - map.centre[1]) / map.stride + map.side / 2);
  const inside = Math.min(row, column) >= 0 && Math.max(row, column) < map.side;
  return inside ? [row, column] : null;
}

/** Paint a map on a canvas, one pixel a cell; `scale` has 256 colours, three bytes each. */
function paintMap(canvas, map, scale) {
  canvas.width = canvas.height = map.side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(map.side, map.side);
  map.cells.forEach((level, i) => {
    const known = level !== NO_SCORE;
    const shade = 3 * Math.round((level * 255) / 254);
    image.data.set(known ? scale.subarray(shade, shade + 3) : [128, 128, 128], 4 * i);
    image.data[4 * i + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}

/** Paint the whole scale of colours on a canvas of 256 × 1 pixels. */
function paintScale(canvas, scale) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(256, 1);
  for (let i = 0; i < 256; i++) {
    image.data.set([...scale.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
}
