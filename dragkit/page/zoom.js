// Which part of the images is shown: `scale` times as large, around (x, y), which are shares of the
// image's width and height. All runs show the same part.

const WHOLE = { scale: 1, x: 0.5, y: 0.5 };
const LARGEST = 16;
const STEP = 1.5; // of a key or a button
const ZOOM_KEYS = { "+": STEP, "=": STEP, "-": 1 / STEP, 0: 0 }; // 0 shows the whole image

/** The part that is `factor` times as large, in which the place [u, v] stays where it is. */
function zoomed({ scale, x, y }, factor, [u, v]) {
  const larger = Math.min(Math.max(scale * factor, 1), LARGEST);
  const ratio = scale / larger;
  return onImage({ scale: larger, x: u - (u - x) * ratio, y: v - (v - y) * ratio });
}

/** The part after a pull by (dx, dy), in shares of what is seen. */
function pulled({ scale, x, y }, dx, dy) {
  return onImage({ scale, x: x - dx / scale, y: y - dy / scale });
}

/** The nearest part that does not reach beyond the image. */
function onImage({ scale, x, y }) {
  const half = 0.5 / scale;
  const within = (value) => Math.min(Math.max(value, half), 1 - half);
  return { scale, x: within(x), y: within(y) };
}

/** How CSS shows it. */
function transformOf({ scale, x, y }) {
  const [left, top] = [x, y].map((value) => `${100 * (0.5 - value * scale)}%`);
  return `translate(${left}, ${top}) scale(${scale})`;
}

/** Call `zoom(factor, event)` and `pull(dx, dy)` for the wheel with Ctrl, and for a drag. */
function listenForZoom(box, zoom, pull) {
  box.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), event);
    },
    { passive: false }
  );
  box.addEventListener("pointerdown", (event) => box.setPointerCapture(event.pointerId));
  box.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    pull(event.movementX / box.clientWidth, event.movementY / box.clientHeight);
  });
}
