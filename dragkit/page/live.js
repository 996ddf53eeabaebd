// The page in a notebook: steps come from the kernel, and images when somebody looks at them.
//
// `model` carries the messages, and `build()` makes the page's elements.

const view = String(Math.random()); // a second view of the same widget has its own answers
const asked = new Set(); // the positions whose images are on their way
let page = null;
let busy = false; // while a run continues, sketches are shown, and nobody asks for images
let told = null;

const kernel = {
  busy: () => busy,

  image(position) {
    if (busy || asked.has(position)) return;
    asked.add(position);
    model.send({ kind: "image", view, position });
  },

  showing(position) {
    if (busy || told === position) return;
    told = position;
    model.send({ kind: "showing", view, position });
  },
};

const bar = new SessionBar((button) => {
  const position = page?.state.at; // of this view; another one may look at another step
  model.send({ kind: "press", view, button, position });
});

/** Let the kernel tell what was done in a cell meanwhile, to whoever comes to the page. */
function comes() {
  if (!busy) model.send({ kind: "comes", view });
}

const answers = {
  all({ at, contents, controls }) {
    told = at;
    page?.end();
    build();
    part("page").prepend(bar.box);
    for (const event of ["pointerenter", "focusin"]) part("page").addEventListener(event, comes);
    bar.draw(controls);
    page = new Page(contents, kernel, at);
  },

  controls({ controls }) {
    bar.draw(controls);
  },

  more({ begin, run }) {
    asked.clear();
    told = null; // a run leaves the kernel at its end
    if (begin) page?.grow(begin, run);
    else model.send({ kind: "open", view }); // another run, which may have other handles
  },

  image({ position, step, image }) {
    asked.delete(position);
    page?.take(position, step, image);
  },
};

function hear(message) {
  if (message.view && message.view !== view) return;
  busy = message.busy;
  answers[message.kind](message);
}

model.on("msg:custom", hear);
model.send({ kind: "open", view });
