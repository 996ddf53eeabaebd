// The legend of a chart: what each colour and mark means, and each line's value at the cursor.

const SHAPES = { swap: "M11 0V12", intervention: diamondAt(11, 6) };

/** A piece of what is explained, as it looks in the chart. */
function sample(style, height = 12) {
  const shape = ["band", "doubt"].includes(style)
    ? drawn("rect", { class: `${style} bordered`, x: 0.5, y: 0.5, width: 21, height: height - 1 })
    : drawn("path", { class: style, d: SHAPES[style] ?? "M1 6H21" });
  return drawn("svg", { width: 22, height, viewBox: "0 0 22 12", "aria-hidden": "true" }, shape);
}

function entry(style, words) {
  return element("span", { class: "entry" }, sample(style), " ", words);
}

/** A legend {box, say(state), words()} for the lines and the other marks of a panel. */
function legendOf(panel) {
  const lines = panel.lines.filter(isKnown).map((one) => ({
    one,
    value: element("span", { class: "value" }),
  }));
  const entries = lines.map(({ one, value }) =>
    element(
      "span",
      { class: "entry" },
      sample(`curve series-${one.colour % 6}`),
      " ",
      element("span", { class: "name" }, one.name),
      " ",
      value
    )
  );
  const box = element("div", { class: "legend" }, ...entries, ...otherMarks(panel));
  return {
    box,
    say(state) {
      for (const { one, value } of lines) {
        value.textContent = shown(valueAt(one, state)[1]);
      }
    },
    words: () => lines.map(({ one, value }) => `${one.name} ${value.textContent}`).join(", "),
  };
}

/** What the marks beside the lines mean, each if the panel has it. */
function otherMarks(panel) {
  const marks = [
    [panel.band, "band", `arrived: within ${shown(panel.band ?? 0)} px`],
    [panel.thresholds?.some(isKnown), "threshold", "the gate's threshold"],
    [panel.doubts?.length, "doubt", panel.doubted],
    [panel.swaps?.length, "swap", "another tracker"],
    [panel.interventions?.length, "intervention", "intervention"],
  ];
  return marks.filter(([present]) => present).map(([, style, words]) => entry(style, words));
}
