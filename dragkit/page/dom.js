// Elements and numbers. Text is always set as text, so no name can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element with attributes and children; texts among the children stay texts. */
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element, likewise. */
function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** The element with that id; `root` is what all scripts draw in, the document or a part of it. */
function part(id) {
  return root.getElementById(id);
}

/** Give a node other attributes. */
function change(node, attributes) {
  filled(node, attributes, []);
}

/** A number in three digits, or a dash for what nobody measured. */
function shown(value) {
  if (value === null) return "–";
  return String(Number(value.toPrecision(3))).replace("-", "−");
}

/** A number to a hundredth of a range or finer: scores in a window differ by little. */
function shownWithin(range, value) {
  if (value === null || !(range > 0)) return shown(value);
  const decimals = Math.min(Math.max(2 - Math.floor(Math.log10(range)), 0), 20);
  return String(Number(value.toFixed(decimals))).replace("-", "−");
}

/** A place (x, y) in pixels, rounded to a tenth. */
function shownPlace([x, y]) {
  return `(${Math.round(10 * x) / 10}, ${Math.round(10 * y) / 10})`;
}

/** Bytes that were written as base64. */
function decoded(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Call `resized(width)` now and whenever the element gets another width. */
function onWidth(node, resized) {
  let before = 0;
  new ResizeObserver(() => {
    const width = node.clientWidth;
    if (width && width !== before) {
      before = width;
      resized(width);
    }
  }).observe(node);
}
