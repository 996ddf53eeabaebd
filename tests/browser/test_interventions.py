"""The studio's interventions in JupyterLab: a click, a branch, and the code in another cell."""

import pytest
from person import Lab, wait, write_cells

pytestmark = pytest.mark.slow

CELL = """import dragkit as dk

edit = dk.Edit([(64, 85)], [(84, 75)])
method = dk.methods.draggan("paper") | {"lr": 0.5, "steps": 12}
studio = dk.Studio(dk.load("toy"), edit=edit, size=256, **method)
studio.run(6)
studio"""
PROBE = """import json
session = globals().get("session")
print("PROBE", json.dumps({
    "done": [[index, repr(one)] for index, one in studio.session.interventions],
    "shown": studio.player.frame.index,
    "past": len(studio.session.past),
    "running": studio.player.running,
    "points": studio.trace.path().tolist(),
    "pasted": session and session.trace.path().tolist(),
}))"""


def test_a_row_is_frozen_by_a_click_and_the_code_makes_the_same_run(lab, page):
    folder, url = lab
    write_cells(folder / "studio.ipynb", (CELL, "", PROBE))
    person = Lab(page, url("studio.ipynb"), folder / "studio.ipynb")
    person.run_cell(0)
    page.get_by_text("Intervene", exact=True).click()
    for _ in range(3):
        page.get_by_title("One step back").click()
    wait(lambda: person.probe()["shown"] == 3)
    person.button("Freeze the row").click()
    wait(lambda: person.probe()["done"] == [[3, "FreezeRows(rows=(0,))"]])
    assert person.probe()["past"] == 1

    person.button("Run").click()
    wait(lambda: len(person.probe()["points"]) > 4 and not person.probe()["running"])
    code = page.locator(".dk-code pre", has_text="intervene(").inner_text()
    page.evaluate(
        "code => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel"
        ".setSource(code)",
        code,
    )
    person.run_cell(1)
    found = person.probe()
    assert found["pasted"] == found["points"]
    assert page.errors == []
