"""The page in a notebook: the browser draws a run that continues, and asks for what it shows."""

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
toy = dk.load("toy")
edit = dk.Edit([(64, 85), (30, 30)], [(74, 80), (34, 30)])
method = dk.methods.stabledrag() | {"lr": 0.5, "steps": 40}
page = dk.PagePlayer(dk.Session(toy, toy.sample(0), edit, **method))
page""",
    "page",
    "page.session.run(2)\nNone",
    "page.session.restart(edit=dk.Edit([(64, 85)], [(74, 80)]))\nNone",
    """import json
frame = page.trace[page.at]
print("PROBE", json.dumps({
    "steps": len(page.trace), "at": page.at, "running": page.running,
    "image": frame.image[::16, ::16].tolist(), "error": repr(page.last_error),
}))""",
]


@pytest.fixture
def lab(lab, page):
    folder, url = lab
    write_cells(folder / "page.ipynb", CELLS)
    lab = Lab(page, url("page.ipynb"), folder / "page.ipynb")
    lab.run_cell(0)
    page.locator("#slider").wait_for()
    return lab


def shown_image(lab):
    """Some of the pixels that the browser paints."""
    data = lab.page.locator(".pane > canvas:first-child").first.evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    )
    return np.array(data).reshape(128, 128, 4)[::16, ::16, :3]


def difference(lab):
    """Mean difference to the frame that the kernel says is shown, in grey levels."""
    return np.abs(shown_image(lab) - np.array(lab.probe()["image"])).mean()


def test_a_run_is_watched_scrubbed_and_branched_on_the_page(lab):
    page = lab.page
    step = page.locator("#step")
    assert page.locator("#handle option").count() == 2

    lab.button("Run").click()
    wait(lambda: "step 0" not in step.inner_text())  # it follows while it runs
    wait(lambda: not lab.probe()["running"])
    known = lab.probe()
    last = known["steps"] - 1
    wait(lambda: step.inner_text() == f"step {last} of {last}")
    assert known["at"] == last > 3 and known["error"] == "None"
    wait(lambda: difference(lab) < 3)  # the sketch was replaced by the image
    assert "after" in page.locator("#settings").inner_text()
    page.locator(".stage").scroll_into_view_if_needed()
    page.screenshot(path=RUNS / "page_player.png")

    page.locator("#slider").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    wait(lambda: lab.probe()["at"] == 1)
    wait(lambda: difference(lab) < 3)
    assert page.locator(".window canvas").count() >= 1
    assert "best" in page.locator(".peaks").first.inner_text()

    lab.button("Branch here").click()
    wait(lambda: step.inner_text() == "step 1 of 1")
    lab.button("Step").click()
    wait(lambda: step.inner_text() == "step 2 of 2")


def test_a_run_is_worked_by_the_keys_alone(lab):
    """A button that was pressed keeps the focus while it cannot be pressed."""
    page = lab.page
    step = page.locator("#step")
    lab.button("Step").focus()
    for index in (1, 2):
        page.keyboard.press("Enter")
        wait(lambda: step.inner_text() == f"step {index} of {index}")  # noqa: B023
        page.wait_for_timeout(1500)  # a press before the run has ended is none
        assert lab.button("Step").is_enabled()
    page.keyboard.press("ArrowLeft")
    wait(lambda: step.inner_text() == "step 1 of 2")
    assert lab.button("Branch here").is_enabled() and lab.button("Stop").is_disabled()


def test_who_comes_to_the_page_sees_what_was_done_in_a_cell(lab):
    lab.page.mouse.move(5, 5)
    lab.run_cell(2)
    assert lab.page.locator("#step").inner_text() == "step 0 of 0"
    lab.page.locator("#title").hover()
    wait(lambda: lab.page.locator("#step").inner_text() == "step 2 of 2")


def test_a_run_that_is_begun_anew_with_another_edit_has_its_own_handles(lab):
    page = lab.page
    lab.button("Step").click()
    wait(lambda: page.locator("#step").inner_text() == "step 1 of 1")
    page.mouse.move(5, 5)
    lab.run_cell(3)
    page.locator(".stage").hover()
    wait(lambda: page.locator("#step").inner_text() == "step 0 of 0")
    wait(lambda: page.locator("#handle option").count() == 1)


def test_a_page_that_is_loaded_again_shows_the_same_run(lab):
    page = lab.page
    lab.button("Step").click()
    wait(lambda: page.locator("#step").inner_text() == "step 1 of 1")
    lab.command("docmanager:save")
    page.reload()
    lab.idle()
    page.locator("#slider").wait_for()
    wait(lambda: page.locator("#step").inner_text() == "step 1 of 1")
    wait(lambda: difference(lab) < 3)


def test_a_view_branches_at_the_step_that_it_shows(lab):
    """Another view of the same page may show another step, and have said so last."""
    page = lab.page
    lab.button("Run").click()
    wait(lambda: not lab.probe()["running"])
    lab.run_cell(1)
    views = page.locator(".session + *").locator("..")
    wait(lambda: views.count() == 2)
    first, second = views.nth(0), views.nth(1)
    look_at(lab, first, 1)
    look_at(lab, second, 3)

    before = lab.probe()["steps"]
    first.get_by_role("button", name="Branch here").click()
    wait(lambda: lab.probe()["steps"] < before)
    assert lab.probe()["steps"] == 2


def look_at(lab, view, position):
    view.locator("#slider").press("Home")
    for _ in range(position):
        view.locator("#slider").press("ArrowRight")
    wait(lambda: lab.probe()["at"] == position)
