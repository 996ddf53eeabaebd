// What moves through the steps: buttons, slider, keys, and playing.

const KEYS = { ArrowLeft: -1, ArrowRight: 1 };
const OWN_KEYS = "select, [role=region]"; // they use the arrows themselves
const OWN_SPACE = "button, select, input[type=checkbox]";

class Transport {
  /**
   * `show(position)` is asked to show a step by its position among `steps`; `ready()` says whether
   * the one before has been painted.
   */
  constructor(steps, show, ready) {
    this.show = show;
    this.ready = ready;
    this.at = 0;
    this.playing = false;
    this.grow(steps);
    part("slider").addEventListener("input", () => this.seek(Number(part("slider").value)));
    const moves = { first: () => 0, back: () => this.at - 1, on: () => this.at + 1 };
    moves.last = () => this.steps.length - 1;
    for (const [id, place] of Object.entries(moves)) {
      part(id).addEventListener("click", () => this.seek(place()));
    }
    part("play").addEventListener("click", () => this.toggle());
    this.extraKeys = {};
    const heard = root.body ?? part("page"); // on a page of its own, wherever the focus is
    heard.addEventListener("keydown", (event) => this.press(event));
  }

  /** Go through these steps from now on. */
  grow(steps) {
    this.steps = steps;
    part("slider").max = steps.length - 1;
  }

  /** Call `act(value)` for the keys of an object, with their values. */
  onKey(keys, act) {
    for (const [key, value] of Object.entries(keys)) this.extraKeys[key] = () => act(value);
  }

  /** Show another step; whoever does so by hand ends the playing. */
  seek(position) {
    this.pause();
    this.show(Math.min(Math.max(position, 0), this.steps.length - 1));
  }

  /** Show the step nearest to a number. */
  seekStep(step) {
    const gaps = this.steps.map((one) => Math.abs(one - step));
    this.seek(gaps.indexOf(Math.min(...gaps)));
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    const places = { Home: 0, End: this.steps.length - 1 };
    if (key === " " && !target.closest(OWN_SPACE)) this.toggle();
    else if (target.closest(OWN_KEYS)) return;
    else if (key in this.extraKeys) this.extraKeys[key]();
    else if (key in places) this.seek(places[key]);
    else if (key in KEYS) this.seek(this.at + KEYS[key] * (event.shiftKey ? 10 : 1));
    else return;
    event.preventDefault();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** Play from here, or from the beginning if this is the end. */
  play() {
    this.playing = true;
    this.name();
    if (this.at === this.steps.length - 1) this.show(0);
    this.due = performance.now() + this.interval();
    requestAnimationFrame((now) => this.tick(now));
  }

  interval() {
    return 1000 / Number(part("rate").value);
  }

  tick(now) {
    if (!this.playing) return;
    if (now >= this.due && this.ready()) {
      this.due = Math.max(this.due + this.interval(), now);
      this.show(Math.min(this.at + 1, this.steps.length - 1));
    }
    if (this.at === this.steps.length - 1) this.pause();
    else requestAnimationFrame((next) => this.tick(next));
  }

  pause() {
    this.playing = false;
    this.name();
  }

  /** Say what the button does; steps that play are not read aloud. */
  name() {
    part("play").textContent = this.playing ? "Pause" : "Play";
    part("step").setAttribute("aria-live", this.playing ? "off" : "polite");
  }

  draw(state) {
    this.at = state.at;
    const last = this.steps.length - 1;
    const words = `step ${state.step} of ${this.steps[last]}`;
    part("slider").value = state.at;
    part("slider").setAttribute("aria-valuetext", words);
    part("step").textContent = words;
    part("first").disabled = part("back").disabled = state.at === 0;
    part("last").disabled = part("on").disabled = state.at === last;
    part("play").disabled = last === 0;
  }
}
