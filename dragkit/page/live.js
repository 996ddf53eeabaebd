// The page in a notebook: steps come from the kernel, and images when somebody looks at them.
//
// `model` carries the messages, and `show()` builds the page's elements anew.

const view = String(Math.random()); // a second view of the same widget has its own answers
const asked = new Set(); // the positions whose images are on their way
let page = null;
let busy = false; // while a run continues, sketches are shown, and nobody asks for images
let told = null;

const kernel = {
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

const answers = {
  all({ contents }) {
    asked.clear();
    told = null;
    show();
    page = new Page(contents, kernel);
  },

  more({ begin, run }) {
    page?.grow(begin, run);
  },

  image({ position, image }) {
    asked.delete(position);
    page?.take(position, image);
  },
};

function hear(message) {
  if (message.view && message.view !== view) return;
  busy = message.busy;
  answers[message.kind](message);
}

model.on("msg:custom", hear);
model.send({ kind: "open", view });
