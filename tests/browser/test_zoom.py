"""Zooming in a real JupyterLab: by the wheel, keys, buttons and by pulling the image.

The screenshot is saved as runs/zoom.png.
"""

from pathlib import Path

import numpy as np
import pytest
from person import Lab, wait, write_cells

pytestmark = pytest.mark.slow
RUNS = Path(__file__).parents[2] / "runs"
CELLS = [
    """import dragkit as dk
toy = dk.load("toy")
edit = dk.Edit([(64, 85)], [(74, 80)])
method = dk.methods.stabledrag() | {"lr": 0.5, "steps": 30}
studio = dk.Studio(toy, edit=edit, **method)
studio.run(6)
studio""",
    """import json
views = {"picker": studio.picker.view, "player": studio.player.view}
known = {
    "parts": {name: view.zoom.viewport.box for name, view in views.items()},
    "handles": studio.picker.draft.handles,
    "at": studio.player.at,
    "errors": [repr(studio.last_error), repr(studio.picker.last_error)],
}
print("PROBE", json.dumps(known))""",
]


@pytest.fixture
def lab(lab, page):
    folder, url = lab
    write_cells(folder / "zoom.ipynb", CELLS)
    lab = Lab(page, url("zoom.ipynb"), folder / "zoom.ipynb")
    lab.run_cell(0)
    lab.canvas(0).scroll_into_view_if_needed()
    wait(lambda: np.ptp(lab.pixels(0)) > 50 and np.ptp(lab.pixels(1)) > 50)
    return lab


def test_the_wheel_keys_buttons_and_a_pull(lab):
    """One JupyterLab for all: starting it takes longest."""
    a_players_image_is_magnified_and_pulled(lab)
    a_pickers_image_is_magnified_and_picked(lab)


def a_players_image_is_magnified_and_pulled(lab):
    mouse, whole = lab.page.mouse, lab.pixels(1)
    lab.canvas(1).focus()
    mouse.move(*spot(lab, 1, 74, 80))
    for _ in range(4):
        lab.page.keyboard.press("+")
    wait(lambda: (lab.pixels(1) != whole).mean() > 0.5)
    before = lab.probe()["parts"]["player"]

    mouse.move(*spot(lab, 1, 60, 60))
    mouse.down()
    mouse.move(*spot(lab, 1, 92, 60), steps=4)
    mouse.up()
    moved = lab.probe()["parts"]["player"]
    assert before[0] - moved[0] == pytest.approx(32 / 1.5**4, abs=0.2)
    assert moved[1] == pytest.approx(before[1], abs=0.2)

    screenshot(lab)
    lab.page.get_by_title("Show the whole image (0)").last.click()
    wait(lambda: (lab.pixels(1) == whole).all())


def a_pickers_image_is_magnified_and_picked(lab):
    mouse, whole = lab.page.mouse, lab.pixels(0)
    mouse.move(*spot(lab, 0, 32, 32))
    mouse.wheel(0, -300)
    wait(lambda: (lab.pixels(0) != whole).any())
    left, top, right, bottom = lab.probe()["parts"]["picker"]
    assert [left, top, right, bottom] == pytest.approx([16.25, 16.25, 80.25, 80.25], abs=0.3)

    place = (40.5 - left) / (right - left), (50.5 - top) / (bottom - top)
    mouse.click(*spot(lab, 0, 128 * place[0] - 0.5, 128 * place[1] - 0.5))
    wait(lambda: lab.probe()["handles"][1:] == [[40, 50]])
    known = lab.probe()
    assert known["errors"] == ["None", "None"] and known["at"] == 6


def screenshot(lab):
    RUNS.mkdir(exist_ok=True)
    lab.page.locator(".dk").first.screenshot(path=RUNS / "zoom.png")


def spot(lab, i, x, y):
    """Where on the page the place (x, y) of a canvas is, in 128ths of it."""
    lab.canvas(i).scroll_into_view_if_needed()
    box = lab.canvas(i).bounding_box()
    return (
        box["x"] + (x + 0.5) * box["width"] / 128,
        box["y"] + (y + 0.5) * box["height"] / 128,
    )
