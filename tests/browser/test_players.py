"""Player and Compare in a real JupyterLab: scrub, hover, click on the curves, play two at once.

And slides without a mouse. The screenshots are saved as runs/player.png, runs/compare.png,
runs/features.png and runs/slides.png.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from person import Lab, wait, write_cells

pytestmark = pytest.mark.slow
RUNS = Path(__file__).parents[2] / "runs"
CELLS = [
    """import torch
torch.set_num_threads(1)
import dragkit as dk
model = dk.load("lion")
edit = dk.Edit([(74, 74), (50, 44)], [(74, 87), (50, 40)])
method = dk.methods.stabledrag() | {"steps": 40}
trace = dk.Trace(dk.drag(model, model.sample(2), edit, **method))""",
    "player = dk.Player(trace)\nplayer",
    (
        'compare = dk.Compare.trackers(model, trace, {"nearest": dk.NearestNeighbor(), "learned":'
        " dk.Discriminative()})\ncompare"
    ),
    "features = dk.Features(model, trace)\nfeatures",
    "other = dk.Player(trace)\nother",
    "slides = dk.Player(trace, slides=True)\nslides",
    """import json
step = player.frame.step
widgets = (player, compare, features, other, slides)
known = {
    "at": player.at,
    "search_centre": step.search_centre.tolist(),
    "learned": step.track.maps["learned"][0].tolist(),
    "compare": compare.at,
    "rates": [player.view.canvas.rate, other.view.canvas.rate],
    "errors": [repr(widget.last_error) for widget in widgets],
}
print("PROBE", json.dumps(known))""",
]


@pytest.fixture
def lab(lab, page):
    folder, url = lab
    write_cells(folder / "players.ipynb", CELLS)
    lab = Lab(page, url("players.ipynb"), folder / "players.ipynb")
    for i in range(len(CELLS) - 1):
        lab.run_cell(i)
    assert not [o for outputs in lab.outputs() for o in outputs if o["output_type"] == "error"]
    return lab


class Cell:
    """What a person sees of the widget in one cell."""

    def __init__(self, lab, i):
        self.lab, self.root = lab, lab.page.locator(".jp-Notebook-cell").nth(i)

    def canvas(self, i):
        """An image, or large maps."""
        return self.root.locator(".dk canvas:not(.dk-seek)").nth(i)

    def curves(self, i):
        return self.root.locator(".dk-charts canvas").nth(i)

    def status(self):
        return self.root.locator("[role=status]").first.inner_text()

    def mouse(self, canvas, x, y, press=False):
        """Move to (x, y), fractions of the canvas's width and height, and press there."""
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        self.lab.page.mouse.move(
            box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3
        )
        if press:
            self.lab.page.mouse.down()
            self.lab.page.mouse.up()

    def screenshot(self, name):
        RUNS.mkdir(exist_ok=True)
        self.root.screenshot(path=RUNS / f"{name}.png")


def shows(read, pattern):
    """Wait until what `read` returns matches; returns the match."""
    found = []
    wait(lambda: found.append(re.search(pattern, read())) or found[-1])
    return found[-1]


def test_mouse_keys_and_two_at_once(lab):
    """One JupyterLab for all three: starting it takes longest."""
    scrub_hover_click_compare(lab)
    slides_need_no_mouse(lab)
    two_players_play_at_once(lab)


def scrub_hover_click_compare(lab):
    player, compare, features = (Cell(lab, i) for i in (1, 2, 3))
    player.canvas(0).scroll_into_view_if_needed()
    player.root.get_by_role("slider").last.focus()
    for _ in range(3):
        lab.page.keyboard.press("ArrowLeft")
    shows(player.status, "step 37 ")
    known = lab.probe()
    assert known["at"] == 37

    x, y = known["search_centre"][0]
    player.mouse(player.canvas(0), (x + 0.5) / 128, (y + 0.5) / 128)
    text = shows(player.status, r"pixel \((\d+), (\d+)\): learned (\S+)")
    assert (float(text[1]), float(text[2])) == (x, y)
    middle = len(known["learned"]) // 2
    assert float(text[3]) == pytest.approx(known["learned"][middle][middle], rel=0.01)
    player.mouse(player.canvas(0), 0.02, 0.98)
    shows(player.status, "no score here")

    player.mouse(player.curves(2), 0.5, 0.5, press=True)  # the confidence timeline
    at = int(shows(player.status, r"step (1\d) ")[1])
    assert abs(at - 18) <= 1
    assert lab.probe()["at"] == at
    player.root.locator("button", has_text="Large").click()
    player.mouse(player.canvas(1), 0.5, 0.4)
    shows(lambda: player.root.locator(".dk-line", has_text="learned").last.inner_text(), "fused")
    player.screenshot("player")

    compare.mouse(compare.curves(0), 0.5, 0.5, press=True)
    step = int(shows(compare.status, r"step ([12]\d) ")[1])
    assert lab.probe()["compare"] == step
    compare.mouse(compare.canvas(0), (x + 0.5) / 128, (y + 0.5) / 128)
    compare.screenshot("compare")
    compare.root.locator("button", has_text="Export").click()  # a page, unless another is chosen
    shows(lambda: compare.root.locator("[role=status]").last.inner_text(), "Wrote runs/comp")
    assert (lab.file.parent / "runs/comparison.html").is_file()
    before = features.canvas(2).screenshot()
    features.mouse(features.canvas(0), 0.3, 0.3)
    shows(features.status, r"pixel \(38, 38\)")
    wait(lambda: features.canvas(2).screenshot() != before)
    features.screenshot("features")
    assert set(lab.probe()["errors"]) == {"None"}


def slides_need_no_mouse(lab):
    slides, keys = Cell(lab, 5), lab.page.keyboard
    focus = lambda: lab.page.evaluate(
        "[document.activeElement.tagName, document.activeElement.getAttribute('role')]"
    )
    slides.canvas(0).scroll_into_view_if_needed()
    wait(lambda: np.ptp(np.frombuffer(slides.canvas(0).screenshot(), np.uint8)) > 50)
    slides.canvas(0).focus()
    for key, step in (("Home", "0"), ("ArrowRight", "1"), ("ArrowRight", "2"), ("ArrowLeft", "1")):
        keys.press(key)
        shows(slides.status, f"step {step} ")
    keys.press("Space")
    shows(slides.status, "step [4-9] ")
    keys.press("Space")
    slides.screenshot("slides")

    keys.press("Tab")
    wait(lambda: focus()[0] == "BODY")  # out of the image; the next one moves on
    found = []
    for _ in range(4):
        keys.press("Tab")
        found.append(focus())
    assert found == [["BUTTON", None]] * 3 + [["DIV", "slider"]]  # play, back, forward; the slider
    keys.press("Home")
    shows(slides.status, "step 0 ")
    slides.root.get_by_title("One step forward").focus()
    keys.press("Space")
    shows(slides.status, "step 1 ")
    assert set(lab.probe()["errors"]) == {"None"}


def two_players_play_at_once(lab):
    rates = []
    for i in (1, 4):
        cell = Cell(lab, i)
        cell.canvas(0).scroll_into_view_if_needed()
        wait(lambda cell=cell: np.ptp(np.frombuffer(cell.canvas(0).screenshot(), np.uint8)) > 50)
        cell.root.get_by_title("Play the steps, or pause").click()
    lab.page.wait_for_timeout(2500)
    rates = lab.probe()["rates"]
    print(f"two players at once: {rates[0]:.1f} and {rates[1]:.1f} steps shown per second")
    assert min(rates) > 0
    assert set(lab.probe()["errors"]) == {"None"}
