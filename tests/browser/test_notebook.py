"""The widgets in Jupyter Notebook 7: shown, alive, and dragged with the mouse."""

import numpy as np
import pytest
from person import Lab, wait, write_cells

pytestmark = pytest.mark.slow

# Notebook 7.6 has this on every page, with an empty notebook, too
ITS_OWN = "Cannot read properties of undefined (reading 'schema')"
CELL = """import dragkit as dk

edit = dk.Edit([(64, 85)], [(84, 75)])
method = dk.methods.draggan("paper") | {"lr": 0.5}
studio = dk.Studio(dk.load("toy"), edit=edit, size=256, **method)
studio"""
PAGE = """page = dk.PagePlayer(dk.Session(studio.model, studio.model.sample(1), edit, **method))
page"""
PROBE = """import json
print("PROBE", json.dumps({"pairs": len(studio.edit.handles), "steps": len(studio.trace)}))"""


@pytest.mark.parametrize(
    "lab", [["--JupyterNotebookApp.expose_app_in_browser=True"]], indirect=True
)
def test_a_studio_and_a_page_are_alive_in_notebook_7(lab, page):
    folder, url = lab
    write_cells(folder / "studio.ipynb", (CELL, PAGE, PROBE))
    address = url("studio.ipynb").replace("/lab/tree/", "/notebooks/")
    person = Lab(page, address, folder / "studio.ipynb")
    person.run_cell(0)
    wait(lambda: np.ptp(person.pixels(1)) > 50)
    person.canvas(0).scroll_into_view_if_needed()

    person.pull((20, 100), (30, 95), (40, 100))
    wait(lambda: person.probe()["pairs"] == 2)
    person.button("Run").click()
    wait(lambda: person.probe()["steps"] > 3)

    person.run_cell(1)
    step = page.locator("#step")
    wait(lambda: step.inner_text() == "step 0 of 0")
    page.locator(".session .step").click()
    wait(lambda: step.inner_text() == "step 1 of 1")
    page.errors[:] = [error for error in page.errors if error != ITS_OWN]
