// What the curves show: lines over the steps, for one run or for several.
//
// A line is {name, colour, run, points: [[step, value], …]}, with a value of null where there is
// none, and a point for each frame of its run.

function line(name, colour, number, run, valueOf) {
  const points = run.frames.map((frame) => [frame.step, valueOf(frame) ?? null]);
  return { name, colour, run: number, points };
}

/** Whether a loss is ever more than 0: without a mask, that of the mask is not. */
function isNeeded({ points }) {
  return points.some(([, value]) => value);
}

/** [step, value] of a line at the cursor; null for a step that it does not reach yet. */
function valueAt({ points, run }, { positions, step }) {
  return points[positions[run]] ?? [step, null];
}

function isKnown({ points }) {
  return points.some(([, value]) => value !== null);
}

/** A line for each handle of a run, numbered if there are several. */
function handleLines(run, valueOf) {
  const { points } = run.frames[0];
  return points.map((_, i) => {
    const name = points.length > 1 ? `handle ${i}` : "";
    return line(name, i, 0, run, (frame) => valueOf(frame, i));
  });
}

/** The panels of one run. The gate's doubts are those about `handle`. */
function panelsOfRun(run, handle) {
  const marks = { swaps: swapsOf(run), interventions: run.interventions };
  const distances = handleLines(run, (frame, i) => distance(run, frame, i));
  const band = editOf(run, run.frames.at(-1)).arrive;
  const terms = run.losses.map((name, i) =>
    line(name, i + 1, 0, run, (frame) => frame.losses[i])
  );
  const losses = terms.filter(isNeeded);
  const panels = [
    { title: "distance to the target (px)", lines: distances, band },
    { title: "loss", lines: losses, without: "This run reports no losses." },
    ...(run.frames.every(({ drift }) => drift)
      ? [driftPanel(run)]
      : confidencePanels(run, handle)),
  ];
  return panels.map((panel) => ({ ...panel, ...marks }));
}

function driftPanel(run) {
  const lines = handleLines(run, (frame, i) => frame.drift && frame.drift[i]);
  return { title: "the template's drift (share of the first)", lines };
}

/** Confidences of unlike trackers have unlike scales, so each kind has a panel of its own. */
function confidencePanels(run, handle) {
  const kinds = run.trackers.map((tracker) => tracker.split("(")[0]);
  const isOf = (kind) => (frame) => kinds[frame.tracker] === kind;
  return [...new Set(kinds)].map((kind, _, { length }) => ({
    ...confidencePanel(run, handle, isOf(kind)),
    title: length > 1 ? `confidence: ${kind}` : "confidence of the tracker",
  }));
}

/** The confidence in the frames of which `isOwn(frame)`. */
function confidencePanel(run, handle, isOwn) {
  const own = (valueOf) =>
    handleLines(run, (frame, i) => (isOwn(frame) ? valueOf(frame, i) : null));
  return {
    lines: own((frame, i) => frame.confidence[i]),
    thresholds: own((frame, i) => frame.threshold && frame.threshold[i]),
    doubts: doubtsOf(run.frames.filter(isOwn), handle),
    doubted: run.frames[0].points.length > 1 ? `handle ${handle} not trusted` : "not trusted",
    free: true,
    without: "This tracker measures no confidence.",
  };
}

/** The panels of several runs: one handle's distance, the losses, and a confidence per tracker. */
function panelsOfRuns(runs, handle) {
  const lines = (valueOf) =>
    runs.map((run, i) => line(run.name, i, i, run, (frame) => valueOf(run, frame)));
  const names = [...new Set(runs.flatMap((run) => run.losses))];
  const losses = names.map((name) => ({
    title: `loss: ${name}`,
    lines: lines((run, frame) => frame.losses[run.losses.indexOf(name)]).filter(isNeeded),
  }));
  const distances = lines((run, frame) => distance(run, frame, handle));
  return [
    { title: "distance to the target (px)", lines: distances, band: sharedBand(runs) },
    ...losses.filter((panel) => panel.lines.length),
    ...confidencesOfRuns(runs, handle),
  ];
}

/** Confidences of unlike trackers have unlike scales, so each tracker has a panel of its own. */
function confidencesOfRuns(runs, handle) {
  const trackers = [...new Set(runs.flatMap((run) => run.trackers))];
  return trackers.map((tracker) => {
    const numbers = runs.map((_, i) => i).filter((i) => runs[i].trackers.includes(tracker));
    const lines = (valueOf) =>
      numbers.map((i) => {
        const isOwn = (frame) => runs[i].trackers[frame.tracker] === tracker;
        const own = (frame) => (isOwn(frame) ? valueOf(frame) : null);
        return line(runs[i].name, i, i, runs[i], own);
      });
    return {
      title: `confidence: ${tracker.split("(")[0]}`,
      lines: lines((frame) => frame.confidence[handle]),
      thresholds: lines((frame) => frame.threshold && frame.threshold[handle]),
      free: true,
      without: `Not measured in ${numbers.map((i) => runs[i].name).join(", ")}.`,
    };
  });
}

/** The stop distance, if all runs have the same. */
function sharedBand(runs) {
  const bands = new Set(runs.map((run) => editOf(run, run.frames.at(-1)).arrive));
  return bands.size === 1 ? [...bands][0] : null;
}

/** The spans [first, last] of steps in which the gate did not trust a handle. */
function doubtsOf(frames, handle) {
  const spans = [];
  for (const frame of frames) {
    const before = spans.at(-1);
    if (frame.trusted[handle]) continue;
    if (before && before[1] === frame.step - 0.5) before[1] = frame.step + 0.5;
    else spans.push([frame.step - 0.5, frame.step + 0.5]);
  }
  return spans;
}

/** The steps at which another tracker took over. */
function swapsOf(run) {
  const { frames } = run;
  const swapped = frames.filter((frame, i) => i && frame.tracker !== frames[i - 1].tracker);
  return swapped.map((frame) => frame.step);
}
