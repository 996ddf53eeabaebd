// Run, Stop, Step and Branch of a session, and what the kernel said last.

const BUTTONS = {
  run: ["Run", "Run until all handles have arrived, or the steps are used up"],
  stop: ["Stop", "Stop after the present step; nothing is lost"],
  step: ["Step", "Make a single step"],
  branch: ["Branch here", "Continue from the step that is shown; the run so far is kept"],
};

class SessionBar {
  /** `press(name)` is called with the name of a button that was pressed. */
  constructor(press) {
    this.buttons = Object.entries(BUTTONS).map(([name, [words, title]]) => {
      const button = element("button", { type: "button", class: name, title }, words);
      button.addEventListener("click", () => button.ariaDisabled !== "true" && press(name));
      return button;
    });
    this.row = element("div", { class: "buttons" }, ...this.buttons);
    this.words = element("p", { role: "status" });
    this.trail = element("pre");
    const summary = element("summary", {}, "where it happened");
    this.fold = element("details", {}, summary, this.trail);
    this.box = element("div", { class: "session" }, this.row, this.words, this.fold);
  }

  /**
   * Enable what makes sense; a recorded run has no buttons. An error has a `trail`.
   *
   * A button that is disabled would lose the focus, and whoever uses the keys their place: Run is
   * disabled by being pressed.
   */
  draw({ can, words, trail }) {
    this.row.hidden = !can;
    for (const button of this.buttons) button.ariaDisabled = String(!can?.[button.className]);
    this.words.textContent = words;
    this.words.setAttribute("role", trail ? "alert" : "status");
    this.fold.hidden = !trail;
    this.trail.textContent = trail;
  }
}
