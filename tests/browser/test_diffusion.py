"""The lesson on diffusion in a real JupyterLab: run all of it, drag on, scrub the recorded run.

The screenshots are saved as runs/diffusion_*.png.
"""

from pathlib import Path

import nbformat
import numpy as np
import pytest
from person import Lab, wait

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
]  # test_notebooks.py runs the lesson in each round
ROOT = Path(__file__).parents[2]
NAME = "notebooks/11_diffusion.ipynb"


@pytest.fixture
def opened(lab, page):
    folder, url = lab
    (folder / "notebooks").mkdir()
    notebook = nbformat.read(ROOT / NAME, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    nbformat.write(notebook, folder / NAME)
    return Lab(page, url(NAME), folder / NAME)


def shot(lab, name, at):
    (ROOT / "runs").mkdir(exist_ok=True)
    at.scroll_into_view_if_needed()
    lab.page.screenshot(path=ROOT / "runs" / f"diffusion_{name}.png")


def test_run_all_drag_on_and_scrub(opened):
    lab = opened
    lab.run_all()
    assert not [o for outputs in lab.outputs() for o in outputs if o["output_type"] == "error"]
    # a live widget's last image is there, too, but hidden
    images = lab.page.locator(".jp-OutputArea img:visible, .jp-RenderedMarkdown img:visible")
    for i in range(images.count()):
        shot(lab, i, images.nth(i))
        assert images.nth(i).evaluate("i => i.naturalWidth") > 100

    status = lab.page.locator(".dk [role=status]")
    assert any("shown: the predicted x̂₀, a preview" in text for text in status.all_inner_texts())
    lab.canvas(0).scroll_into_view_if_needed()
    wait(lambda: np.ptp(lab.pixels(1)) > 50)
    before, image = lab.pixels(1), lab.pixels(0)
    lab.pull((64, 30), (64, 36), (70, 40))  # a second pair
    wait(lambda: (lab.pixels(0) != image).any())
    lab.button("Run").scroll_into_view_if_needed()
    lab.button("Run").click()
    frames = set()
    wait(lambda: frames.add(lab.pixels(1).tobytes()) or len(frames) > 5)
    assert (lab.pixels(1) != before).any()
    lab.button("Stop").click()
    wait(lambda: lab.button("Stop").is_disabled())
    shot(lab, "studio", lab.canvas(0))
    assert not lab.page.locator(".dk [role=alert]").count()
