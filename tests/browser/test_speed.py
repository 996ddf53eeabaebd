"""How many steps of a run people see in a second, and how soon they drag: prints what it finds.

    pytest -m long -s tests/browser/test_speed.py

Part of the longer round, for an idle machine. What it prints is the result: no speed fails it. A
step is shown when the pixels that the browser has painted differ from those before.
"""

import time

import pytest
from person import Lab, wait, write_cells

pytestmark = [pytest.mark.slow, pytest.mark.long]
BEGIN = """import torch
torch.set_num_threads(1)
import dragkit as dk
lion = dk.load("lion")
edit = dk.Edit([(74, 74)], [(100, 40)])
method = dk.methods.stabledrag() | {"steps": 150, "arrive": 1.0}
def session(seed):
    return dk.Session(lion, lion.sample(seed), edit, **method)
trace = dk.Trace(dk.drag(lion, lion.sample(2), edit, **method))"""
RUNS = {"Player": "one = dk.Player(session(2))", "PagePlayer": "one = dk.PagePlayer(session(2))"}
PLAYED = {
    "Player": ("Play the steps, or pause", "How fast Play goes", "fast"),
    "PagePlayer": ("Play or pause (space)", "", "30/s"),
}
PROBE = """import json
print("PROBE", json.dumps({"steps": len(one.trace)}))"""
# Notes, for each image of a run, when what is painted has changed.
WATCH = """() => {
    const seen = e => [...e.querySelectorAll('*')].flatMap(x =>
        x.shadowRoot ? seen(x.shadowRoot) : x.matches('canvas') && x.offsetParent ? [x] : []);
    const isImage = c => c.closest('.stage') ? !c.matches('.heat') : c.matches('.dk-look');
    const canvases = seen(document).filter(isImage);
    const tiny = new OffscreenCanvas(48, 48).getContext('2d', {willReadFrequently: true});
    const last = canvases.map(() => '');
    const mine = window.shown = canvases.map(() => []);
    const look = () => {
        canvases.forEach((canvas, i) => {
            tiny.drawImage(canvas, 0, 0, 48, 48);
            const pixels = tiny.getImageData(0, 0, 48, 48).data.join();
            if (pixels !== last[i]) mine[i].push(performance.now());
            last[i] = pixels;
        });
        if (window.shown === mine) requestAnimationFrame(look);
    };
    look();
}"""


@pytest.mark.parametrize("widget", RUNS)
def test_a_run_that_continues(lab, page, widget):
    lab = opened(lab, page, [BEGIN, f"{RUNS[widget]}\none", PROBE])
    page.evaluate(WATCH)
    lab.button("Run").click()
    begin = time.monotonic()
    wait(lambda: page.get_by_text("Stop", exact=True).first.is_disabled() and shown(page)[0])
    made = lab.probe()["steps"] / (time.monotonic() - begin)
    (times,) = (times for times in shown(page) if len(times) > 3)
    print(f"\n{widget}, a run: {rate(times):.1f} steps shown a second, {made:.1f} made")


@pytest.mark.parametrize("widget", PLAYED)
@pytest.mark.parametrize("count", [1, 2])
def test_recorded_runs_that_play(lab, page, widget, count):
    cells = [f"player{i} = dk.{widget}(trace)\nplayer{i}" for i in range(count)]
    lab = opened(lab, page, [BEGIN, *cells])
    play, menu, fastest = PLAYED[widget]
    for i in range(count):
        cell = page.locator(".jp-Notebook-cell").nth(1 + i)
        menus = cell.get_by_title(menu) if menu else cell.locator("#rate")
        menus.locator("visible=true").first.select_option(label=fastest)
    page.evaluate(WATCH)
    for i in range(count):
        page.locator(".jp-Notebook-cell").nth(1 + i).get_by_title(play).click()
    page.wait_for_timeout(5000)
    rates = [rate(times) for times in shown(page) if len(times) > 3]
    assert len(rates) == count
    print(f"\n{count} {widget}: {', '.join(f'{one:.1f}' for one in rates)} steps shown a second")


def test_from_the_opened_page_to_the_first_drag_of_ones_own(lab, page):
    folder, url = lab
    write_cells(
        folder / "first.ipynb",
        ['import dragkit as dk\ndk.Studio(dk.load("lion"), **dk.methods.draggan())'],
    )
    begin = time.monotonic()
    lab = Lab(page, url("first.ipynb"), folder / "first.ipynb")
    lab.run_cell(0)
    lab.canvas(0).wait_for()
    lab.canvas(0).scroll_into_view_if_needed()
    wait(lambda: lab.pixels(0).std() > 10)
    lab.pull((74, 74), (74, 80), (74, 87))
    page.evaluate(WATCH)
    wait(lambda: lab.button("Run").is_enabled())
    lab.button("Run").click()
    wait(lambda: any(len(times) > 2 for times in shown(page)))
    print(f"\nfrom the opened page to the first drag: {time.monotonic() - begin:.1f} s")


def opened(lab, page, cells):
    """A notebook whose cells have been run."""
    folder, url = lab
    write_cells(folder / "speed.ipynb", cells)
    lab = Lab(page, url("speed.ipynb"), folder / "speed.ipynb")
    for i in range(len(cells)):
        lab.run_cell(i)
    assert not [o for outputs in lab.outputs() for o in outputs if o["output_type"] == "error"]
    page.wait_for_timeout(1000)  # until all is drawn
    return lab


def shown(page):
    """When each image has changed, in ms."""
    return page.evaluate("window.shown")


def rate(times):
    """Changes a second, from the first to the last."""
    return 1000 * (len(times) - 1) / (times[-1] - times[0])
