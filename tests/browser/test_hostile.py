"""Hostile files in a real JupyterLab: whatever their names say, nothing of it runs.

The screenshot is saved as runs/hostile.png.
"""

from pathlib import Path

import pytest
from person import Lab, wait, write_cells

pytestmark = pytest.mark.slow
RUNS = Path(__file__).parents[2] / "runs"
EVIL = "<img src=x onerror=window.PWNED=1><script>window.PWNED=2</script>$\\\\frac$ **[a](b)**"
CELLS = [
    f"""import json
import torch
torch.set_num_threads(1)
import pandas as pd
import dragkit as dk
EVIL = {EVIL!r}
model = dk.load("toy")
edit = dk.Edit([(64, 85)], [(74, 80)])
method = dk.methods.stabledrag() | {{"lr": 0.5, "steps": 4}}
trace = dk.Trace(dk.drag(model, model.sample(0), edit, **method))
trace.metadata = {{"model": EVIL, "image": EVIL, EVIL: EVIL}}
path = trace.save("evil", what=EVIL)
text = path.read_text()
for name in ("motion", "learned", "template"):
    text = text.replace(name, json.dumps(EVIL)[1:-1])""",
    # a hostile trace: the names of its maps, losses, tracker and model
    """from dragkit.runs.files import read_run, write_run
from dataclasses import replace
def renamed(frame):
    step, track = frame.step, frame.step.track
    maps = {f"{EVIL}{i}": part for i, part in enumerate(track.maps.values())}
    step = replace(step, track=replace(track, maps=maps), losses={EVIL: 1.0}, tracker=EVIL)
    return replace(frame, step=step)
write_run([renamed(frame) for frame in trace], "evil", {"metadata": trace.metadata})
hostile = dk.Trace.load("evil")
player = dk.Player(hostile)
player.controls.score_maps.handle.value = 0
player.controls.score_maps.large.value = True
player""",
    "compare = dk.Compare(hostile, hostile, names=[EVIL, EVIL + '2'])\ncompare",
    "hostile.metadata = {}\nfeatures = dk.Features({EVIL: model}, hostile)\nfeatures",
    # a hostile results file: its columns and values
    """from dragkit.bench.results_file import read_results
from pathlib import Path
line = {"task": EVIL, "method": EVIL, "settings": {}, EVIL: 1.0, "why": EVIL}
Path("evil.jsonl").write_text(json.dumps(line) + chr(10))
table = pd.DataFrame(read_results("evil.jsonl")).drop(columns="settings")
results = dk.Results(table, lambda row: hostile)
results""",
    "table",
    # a hostile card
    """lion = dk.load("lion")
dk.save(lion, "card.safetensors")
card = json.loads(Path("card.json").read_text()) | {"name": EVIL}
Path("card.json").write_text(json.dumps(card))
try:
    found = dk.load("card.safetensors")
except ValueError as error:
    found = lion
    print(error)
studio = dk.Studio(found, edit=dk.Edit([(74, 74)], [(74, 87)]), **dk.methods.draggan())
studio""",
    "found",
    "dk.plot.losses(hostile)",
    "dk.plot.scores(hostile[2])",
    "dk.plot.images({EVIL: hostile[0].image})",
    # errors that quote it
    """for widget in (player, studio, compare, features, results):
    widget.status.fail(ValueError(EVIL))
player.controls.files.name.value = EVIL
player.controls.files.open.click()
print("PROBE", json.dumps({"last": True}))""",
]


def test_no_name_in_a_file_becomes_markup_or_code(lab, page):
    folder, url = lab
    write_cells(folder / "evil.ipynb", CELLS)
    lab = Lab(page, url("evil.ipynb"), folder / "evil.ipynb")
    lab.run_all()
    failed = [o for outputs in lab.outputs() for o in outputs if o["output_type"] == "error"]
    assert not failed, failed

    shown = page.locator(".dk [role=alert]")
    wait(lambda: shown.count() >= 5)
    assert all("<img src=x" in text for text in shown.all_inner_texts())
    for canvas in page.locator(".dk canvas").all():
        if canvas.is_visible():
            canvas.scroll_into_view_if_needed()
            canvas.hover()
    page.wait_for_timeout(1000)
    RUNS.mkdir(exist_ok=True)
    page.screenshot(path=str(RUNS / "hostile.png"))
    assert page.evaluate("window.PWNED") is None
    assert page.locator("img[src='x']").count() == 0
