"""What a person does in JupyterLab, for the browser tests."""

import base64
import io
import json
import time

import nbformat
import numpy as np
from PIL import Image

NOTEBOOK_WIDGET = "window.jupyterapp.shell.currentWidget"


def write_cells(file, sources):
    """A notebook of code cells, with the kernel named: else the page would ask for one."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, file)


class Lab:
    """The few things a person does in JupyterLab."""

    def __init__(self, page, url, file):
        self.page, self.file = page, file
        page.goto(url)
        self.idle()

    def idle(self):
        self.page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status ==="
            " 'idle'"
        )

    def command(self, name):
        self.page.evaluate(
            f"() => {{window.done = 0; window.jupyterapp.commands.execute('{name}').then(() =>"
            " window.done = 1)}"
        )
        self.page.wait_for_function("window.done === 1", timeout=180_000)

    def run_cell(self, i):
        self.page.evaluate(
            f"() => {{const n = {NOTEBOOK_WIDGET}.content; n.activeCellIndex = {i} + ({i} < 0) *"
            " n.widgets.length}"
        )
        self.command("notebook:run-cell")

    def run_all(self):
        """Run every cell and wait for the last."""
        self.page.evaluate("() => {window.jupyterapp.commands.execute('notebook:run-all-cells')}")
        last = (
            f"{NOTEBOOK_WIDGET}.content.widgets.filter(c => c.model.type ==="
            " 'code').at(-1).model.sharedModel.execution_count > 0"
        )
        self.page.wait_for_function(last, timeout=300_000)
        self.idle()

    def outputs(self):
        """The outputs of every cell."""
        return self.page.evaluate(
            f"() => {NOTEBOOK_WIDGET}.content.widgets.map(c => c.model.outputs ?"
            " c.model.outputs.toJSON() : [])"
        )

    def probe(self):
        """What the kernel knows; the probe is the notebook's last cell."""
        self.run_cell(-1)
        text = "".join(o.get("text", "") for o in self.outputs()[-1])
        return json.loads(text.partition("PROBE ")[2])

    def button(self, name):
        return self.page.locator(".dk button", has_text=name).first

    def canvas(self, i):
        """The studio's canvases: 0 = picker, 1 = player."""
        return self.page.locator(".dk canvas").nth(i)

    def pixels(self, i):
        url = self.canvas(i).evaluate("c => c.toDataURL('image/png')")
        return np.asarray(
            Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")
        ).astype(int)

    def pull(self, *places):
        """Press at the first of `places` (in 128ths of the image), and let go at the last."""
        box = self.canvas(0).bounding_box()
        spots = [
            (box["x"] + (x + 0.5) * box["width"] / 128, box["y"] + (y + 0.5) * box["height"] / 128)
            for x, y in places
        ]
        self.page.mouse.move(*spots[0])
        self.page.mouse.down()
        for spot in spots[1:]:
            self.page.mouse.move(*spot, steps=4)
        self.page.mouse.up()


def wait(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)
