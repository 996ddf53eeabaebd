// The viewport is the part of the images that is seen: `scale` times as large, around (x, y), in
// shares of the image's width and height. All runs share it.

const WHOLE = { scale: 1, x: 0.5, y: 0.5 };
const LARGEST = 16;
const STEP = 1.5; // of a key or a button
const ZOOM_KEYS = { "+": STEP, "=": STEP, "-": 1 / STEP, 0: 0 }; // 0 shows the whole image

/** The viewport that is `factor` times as large, in which the place [u, v] stays where it is. */
function zoomed({ scale, x, y }, factor, [u, v]) {
  const larger = Math.min(Math.max(scale * factor, 1), LARGEST);
  const ratio = scale / larger;
  return onImage({ scale: larger, x: u - (u - x) * ratio, y: v - (v - y) * ratio });
}

/** The viewport after the image was moved by (dx, dy), in shares of what is seen. */
function moved({ scale, x, y }, dx, dy) {
  return onImage({ scale, x: x - dx / scale, y: y - dy / scale });
}

/** The viewport if the place [u, v] is in it, else the one around that place. */
function withPlace({ scale, x, y }, [u, v]) {
  const seen = Math.max(Math.abs(u - x), Math.abs(v - y)) <= 0.5 / scale;
  return seen ? { scale, x, y } : onImage({ scale, x: u, y: v });
}

/** The nearest viewport that does not reach beyond the image. */
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

/** Call `zoom(factor, event)` for the wheel with Ctrl, and `move(dx, dy)` for a drag. */
function listenForZoom(box, zoom, move) {
  box.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), event);
    },
    { passive: false }
  );
  let last = null;
  box.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    box.setPointerCapture(event.pointerId);
    last = event;
  });
  box.addEventListener("pointermove", (event) => {
    if (!last || !box.hasPointerCapture(event.pointerId)) return;
    const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
    last = event;
    move(dx / box.clientWidth, dy / box.clientHeight);
  });
}
