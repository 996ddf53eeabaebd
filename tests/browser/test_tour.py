"""The tour in a real JupyterLab: drag with the mouse, Run, Stop, save, reload.

The screenshots are saved as runs/tour.png and runs/own_image.png.
"""

import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
from person import Lab, wait

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks/00_tour.ipynb"
PROBE = """import json
known = {
    "edit": studio.edit.to_dict(),
    "steps": len(studio.trace),
    "past": len(studio.session.past),
    "running": studio.player.running,
    "error": repr(studio.last_error),
    "rate": studio.player.view.canvas.rate,
}
print("PROBE", json.dumps(known))"""


@pytest.fixture
def tour(lab, page):
    folder, url = lab
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    notebook.cells.append(nbformat.v4.new_code_cell(PROBE, outputs=[]))
    nbformat.write(notebook, folder / "tour.ipynb")
    lab = Lab(page, url("tour.ipynb"), folder / "tour.ipynb")
    # test_notebooks.py runs them all
    lab.run_cell(next(i for i, c in enumerate(notebook.cells) if "Studio" in c.source))
    assert not [o for outputs in lab.outputs() for o in outputs if o["output_type"] == "error"]
    return lab


def test_drag_run_stop_reload(tour):
    lab = tour
    lab.canvas(0).scroll_into_view_if_needed()
    wait(lambda: np.ptp(lab.pixels(0)) > 50 and np.ptp(lab.pixels(1)) > 50)
    before, image = lab.probe(), lab.pixels(0)
    lab.canvas(0).scroll_into_view_if_needed()

    lab.pull((20, 100), (30, 95), (40, 100))  # a second pair
    wait(lambda: (lab.pixels(0) != image).any())
    after = lab.probe()
    assert len(after["edit"]["handles"]) == len(before["edit"]["handles"]) + 1
    target = np.divide(after["edit"]["targets"][-1], 2)  # of 256 px, in 128ths
    assert np.abs(target - (40, 100)).max() <= 1

    lab.button("Run").scroll_into_view_if_needed()
    lab.button("Run").click()
    frames = set()
    wait(lambda: frames.add(lab.pixels(1).tobytes()) or len(frames) > 8)
    lab.page.screenshot(path=_folder() / "tour.png")
    lab.button("Stop").click()
    wait(lambda: lab.button("Stop").is_disabled())
    wait(lambda: (lab.pixels(1) == (time.sleep(0.5), lab.pixels(1))[1]).all())
    stopped = lab.probe()
    assert lab.probe()["steps"] == stopped["steps"]
    assert stopped["steps"] > 5
    assert stopped["past"] == before["past"] + 1, "the run before is kept"
    assert not stopped["running"]
    assert stopped["error"] == "None"

    lab.command("docmanager:save")
    assert f"Trace({stopped['steps']} steps" in lab.file.read_text(encoding="utf-8"), (
        "the last image is saved"
    )
    lab.page.reload()
    lab.idle()
    wait(lambda: np.ptp(lab.pixels(1)) > 50)
    wait(lambda: lab.page.get_by_text("Error displaying widget").count() == 0)
    # on the way back, seen on slow machines
    lab.page.errors[:] = [e for e in lab.page.errors if "widget model not found" not in e]
    print(f"{stopped['rate']:.1f} steps shown per second")


def _folder():
    (ROOT / "runs").mkdir(exist_ok=True)
    return ROOT / "runs"


def test_an_image_of_your_own(tour):
    # after that of the player
    lab, text = tour, lambda: tour.page.locator(".dk [role=status]").nth(1).inner_text()
    wait(lambda: np.ptp(lab.pixels(0)) > 50)
    before = lab.pixels(0)
    with lab.page.expect_file_chooser() as chooser:
        lab.button("Your image").click()
    chooser.value.set_files(ROOT / "data/images/my_lion.jpg")
    lab.button("Enough").wait_for(state="visible")
    frames = set()
    wait(lambda: frames.add(lab.pixels(0).tobytes()) or len(frames) > 5)
    wait(lambda: text().startswith("Found with"), seconds=120)
    lab.canvas(0).scroll_into_view_if_needed()
    lab.page.screenshot(path=_folder() / "own_image.png")
    assert np.abs(lab.pixels(0) - before).mean() > 5
    assert lab.probe()["error"] == "None"
