"""Everything can be reached without a mouse and has a name.

The images answer to keys and to a finger. The screenshot is saved as runs/reach.png.
"""

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
import pandas as pd
model = dk.load("lion")
edit = dk.Edit([(74, 74)], [(74, 87)])
studio = dk.Studio(model, seed=2, edit=edit, **dk.methods.stabledrag() | {"steps": 8})
studio.run()
studio""",
    "results = dk.Results(pd.DataFrame({'px': [1.0, 2.0]}), lambda row: studio.trace)\nresults",
    "compare = dk.Compare(studio.trace, studio.trace)\ncompare",
    "features = dk.Features(model, studio.trace)\nfeatures",
    """import json
edit = studio.edit
known = {
    "handles": edit.handles.tolist(),
    "targets": edit.targets.tolist(),
    "masked": edit.mask is not None,
    "at": studio.player.at,
    "row": results.shown,
    "errors": [repr(widget.last_error) for widget in (studio, results, compare, features)],
}
print("PROBE", json.dumps(known))""",
]
MOST_TABS = 400  # more than all four widgets have controls
CONTROLS = "button, select, input, canvas, [role=slider]"
USABLE = (
    "es => es.filter(e => e.offsetParent && !e.disabled && e.type !== 'file' &&"
    " e.getBoundingClientRect().width).length"
)
NAMELESS = """es => es.filter(e =>
    e.offsetParent && !(e.innerText?.trim() && e.tagName === 'BUTTON') && !e.title
    && !e.labels?.[0]?.innerText && !e.placeholder && !e.ariaLabel
).map(e => e.outerHTML.slice(0, 120))"""
VISITED = """() => {
    const e = document.activeElement;
    if (e.matches('.dk :is(CONTROLS)')) e.dataset.visited = 1;
}""".replace("CONTROLS", CONTROLS)


@pytest.fixture
def lab(lab, page):
    folder, url = lab
    write_cells(folder / "reach.ipynb", CELLS)
    lab = Lab(page, url("reach.ipynb"), folder / "reach.ipynb")
    for i in range(len(CELLS) - 1):
        lab.run_cell(i)
    assert not [o for outputs in lab.outputs() for o in outputs if o["output_type"] == "error"]
    lab.canvas(0).scroll_into_view_if_needed()
    wait(lambda: np.ptp(lab.pixels(0)) > 50 and np.ptp(lab.pixels(1)) > 50)
    return lab


def test_without_a_mouse_and_with_a_finger(lab):
    """One JupyterLab for all: starting it takes longest."""
    arrows_and_enter_pick_and_paint(lab)
    buttons_go_through_the_rows_of_results(lab)
    a_finger_taps_a_pair_drags_its_target_and_taps_the_curves(lab)
    # last: it ends in some cell, and a Tab there indents
    tab_reaches_every_control_and_each_has_a_name(lab)


def tab_reaches_every_control_and_each_has_a_name(lab):
    lab.page.locator(".dk button, .dk input").first.focus()
    for _ in range(MOST_TABS):
        lab.page.evaluate(VISITED)
        lab.page.keyboard.press("Tab")
    for i, name in enumerate(("Studio", "Results", "Compare", "Features")):
        parts = lab.page.locator(".jp-Notebook-cell").nth(i).locator(".dk").first.locator(CONTROLS)
        missed = parts.evaluate_all(
            "es => es.filter(e => e.offsetParent && !e.disabled && !e.dataset.visited).map(e =>"
            " e.outerHTML.slice(0, 120))"
        )
        assert parts.evaluate_all(USABLE) > 4 and not missed, (name, missed)
        plain = (
            lab.page.locator(".jp-Notebook-cell")
            .nth(i)
            .locator(".dk")
            .first.locator("button, select, input:not([type=file])")
        )
        assert not plain.evaluate_all(NAMELESS), name


def buttons_go_through_the_rows_of_results(lab):
    lab.page.get_by_title("The row below").focus()
    lab.page.keyboard.press("Enter")
    wait(lambda: lab.probe()["row"] == 1)


def arrows_and_enter_pick_and_paint(lab):
    lab.canvas(0).focus()
    for key in ("ArrowLeft", "Enter", *["ArrowUp"] * 5, "Enter"):
        lab.page.keyboard.press(key)
    wait(lambda: len(lab.probe()["handles"]) == 2)
    found = lab.probe()
    assert (
        found["handles"][1] == [62, 64] and found["targets"][1] == [62, 54] and not found["masked"]
    )
    lab.page.get_by_title("Paint what may move").focus()
    lab.page.keyboard.press("Enter")
    lab.canvas(0).focus()
    lab.page.keyboard.press("Enter")
    wait(lambda: lab.probe()["masked"])
    assert set(lab.probe()["errors"]) == {"None"}


def a_finger_taps_a_pair_drags_its_target_and_taps_the_curves(lab):
    finger = lab.page.context.new_cdp_session(lab.page)

    def swipe(canvas, *places):
        """From the first place to the last; places are fractions of the canvas."""
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        spots = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            for x, y in places
        ]
        for kind, spot in zip(("touchStart", *["touchMove"] * (len(spots) - 1)), spots):
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [spot]})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    lab.page.get_by_title("Click a handle, then its target").click()
    swipe(lab.canvas(0), (0.9, 0.9), (0.9, 0.5), (0.9, 0.1))  # wants to scroll
    swipe(lab.canvas(0), (0.2, 0.8))
    swipe(lab.canvas(0), (0.25, 0.75))
    swipe(lab.canvas(0), (0.26, 0.75), (0.35, 0.7))
    wait(lambda: len(lab.probe()["handles"]) == 3)
    assert np.abs(np.subtract(lab.probe()["targets"][2], (0.35 * 128, 0.7 * 128))).max() <= 1
    at = lab.probe()["at"]
    swipe(lab.page.locator(".dk-charts canvas").first, (0.15, 0.5))
    wait(lambda: lab.probe()["at"] < at)
    RUNS.mkdir(exist_ok=True)
    lab.page.locator(".jp-Notebook-cell").first.screenshot(path=RUNS / "reach.png")
    assert set(lab.probe()["errors"]) == {"None"}
