// The marks on an image, in SVG. `unit` is the width of one CSS pixel in pixels of the image.

function circle([x, y], radius, style) {
  return drawn("circle", { cx: x, cy: y, r: radius, class: style });
}

/** A stroke over a darker, wider one, so that it is seen on every image. */
function stroke(path, style, width, unit) {
  const widths = { [`${style} under`]: width + 2, [style]: width };
  return Object.entries(widths).map(([name, wide]) =>
    drawn("path", { d: path, class: name, "stroke-width": wide * unit })
  );
}

/** A path, with a small disc where it began. */
function trail(begin, path, unit) {
  return drawn(
    "g",
    { class: "mark-trail" },
    ...stroke(path, "trail", 2.5, unit),
    circle(begin, 4 * unit, "rim"),
    circle(begin, 3 * unit, "trail-begin")
  );
}

/** From a handle to its target; empty if they are so close that their marks touch. */
function arrow([x, y], [u, v], unit) {
  const group = drawn("g", { class: "mark-arrow" });
  const length = Math.hypot(u - x, v - y);
  if (length < 24 * unit) return group;
  const [dx, dy] = [((u - x) / length) * unit, ((v - y) / length) * unit];
  const at = (along, across) => `${u - along * dx - across * dy} ${v - along * dy + across * dx}`;
  const path = `M${x} ${y}L${at(12, 0)}M${at(18, 5)}L${at(11, 0)}L${at(18, -5)}`;
  group.append(...stroke(path, "arrow", 2, unit));
  return group;
}

/** A handle: a filled disc, with its number if it has one. */
function handleMark(place, name, unit) {
  const radius = (name ? 8 : 6.5) * unit;
  return drawn(
    "g",
    { class: "mark-handle" },
    circle(place, radius + unit, "rim"),
    circle(place, radius, "white"),
    circle(place, radius - 1.8 * unit, "handle"),
    numberMark(place, name, "number-on-handle", unit)
  );
}

/** A target: a ring around a dot, or around its number. */
function targetMark(place, name, unit) {
  const radius = (name ? 10 : 8) * unit;
  const ring = circle(place, radius - 2 * unit, "target ring");
  ring.setAttribute("stroke-width", 2.2 * unit);
  return drawn(
    "g",
    { class: "mark-target" },
    circle(place, radius + unit, "rim"),
    circle(place, radius, "white"),
    ring,
    name ? numberMark(place, name, "number-on-target", unit) : circle(place, 2 * unit, "target")
  );
}

function numberMark([x, y], name, style, unit) {
  return drawn("text", { x, y, class: style, "font-size": 10 * unit, dy: "0.36em" }, name);
}

/** A white plus with a dark rim, open in the middle. */
function crossMark([x, y], unit) {
  const [near, far] = [3 * unit, 11 * unit];
  const arms = [[1, 0], [-1, 0], [0, 1], [0, -1]].map(
    ([dx, dy]) => `M${x + near * dx} ${y + near * dy}L${x + far * dx} ${y + far * dy}`
  );
  return drawn("g", { class: "mark-cross" }, ...stroke(arms.join(""), "arrow", 2, unit));
}

/** The border of the window in which a tracker compared. */
function windowFrame(map, unit) {
  const side = map.side * map.stride;
  const [x, y] = map.centre.map((value) => value - side / 2);
  const path = `M${x} ${y}h${side}v${side}h${-side}z`;
  return [drawn("g", { class: "mark-window" }, ...stroke(path, "frame", 1.5, unit))];
}
