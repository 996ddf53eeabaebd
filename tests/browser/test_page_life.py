"""What becomes of a widget when its page is loaded again, in a second tab, without its kernel.

And what it looks like: nothing is stretched, cut or off the page at any width, and slides fill
their window. The screenshots are saved as runs/life_*.png and runs/fits_*.png.
"""

from pathlib import Path

import numpy as np
import pytest
from person import NOTEBOOK_WIDGET, Lab, wait, write_cells

pytestmark = pytest.mark.slow
RUNS = Path(__file__).parents[2] / "runs"
CELLS = [
    """import dragkit as dk
toy = dk.load("toy")
edit = dk.Edit([(64, 85), (30, 30), (90, 30), (30, 90)], [(74, 80), (34, 30), (90, 36), (30, 96)])
method = dk.methods.stabledrag() | {"lr": 0.5, "steps": 30}""",
    """studio = dk.Studio(toy, edit=edit, **method)
studio.run(6)
studio""",
    "player = dk.Player(studio.trace)\nplayer",
    (
        'trackers = {"nearest": dk.NearestNeighbor(), "learned": dk.Discriminative(),'
        ' "small": dk.NearestNeighbor(4)}\n'
        "compare = dk.Compare.trackers(toy, studio.trace, trackers)\ncompare"
    ),
    "slides = dk.Player(studio.trace, slides=True)\nslides",
    "pair = dk.Compare(studio.trace, studio.trace, slides=True)\npair",
]
WIDGETS = {1: "studio", 2: "player", 3: "compare"}
SLIDES = (4, 5)
# How much wider than its shape every canvas is, and what they leave of the page.
FIT = """root => {
    const page = root.closest('.jp-OutputArea-output').getBoundingClientRect();
    const seen = [...root.querySelectorAll('canvas')].filter(c => c.offsetParent);
    const boxes = seen.map(c => c.getBoundingClientRect());
    const parts = [...root.querySelectorAll('button, select, input, .widget-html')];
    return {
        stretched: seen.map((c, i) => boxes[i].width / c.width / (boxes[i].height / c.height)),
        used: Math.max(...boxes.map(b => b.right)) - page.left,
        page: page.width,
        beyond: [...boxes, ...parts.map(p => p.getBoundingClientRect())].filter(
            b => b.width && b.right > page.right + 1).length,
        cut: parts.filter(p => p.offsetParent && p.matches('button') &&
            p.scrollWidth > p.clientWidth + 1).map(p => p.innerText),
        highest: Math.max(...boxes.map(b => b.height)),
    };
}"""


@pytest.fixture
def lab(lab, page):
    folder, url = lab
    write_cells(folder / "life.ipynb", CELLS)
    lab = Lab(page, url("life.ipynb"), folder / "life.ipynb")
    lab.address = url("life.ipynb").removesuffix("&reset")
    lab.run_all()
    assert not [o for outputs in lab.outputs() for o in outputs if o["output_type"] == "error"]
    return lab


def root(page, cell):
    return page.locator(".jp-Notebook-cell").nth(cell).locator(".dk").first


def status(page):
    """The studio's line about its run."""
    return root(page, 1).locator("[role=status]").first.inner_text()


def test_widgets_fit_their_page_and_outlive_it(lab):
    """One JupyterLab for all: starting it takes longest."""
    widgets_fill_every_width(lab)
    slides_fill_their_window(lab)
    a_reload_and_a_second_tab_are_alive(lab)
    an_ended_kernel_leaves_an_image_and_a_sentence(lab)


def widgets_fill_every_width(lab):
    page = lab.page
    for width, zoom, theme in (
        *((820, 1, "Light"), (1280, 1, "Dark"), (1920, 1, "Light")),
        *((1440, 2, "Light"), (1440, 1, "Light")),
    ):
        page.set_viewport_size({"width": width // zoom, "height": 1000 // zoom})
        lab.page.evaluate(
            f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab"
            f" {theme}'}})"
        )
        page.wait_for_timeout(300)
        for cell, name in WIDGETS.items():
            fit = root(page, cell).evaluate(FIT)
            told = (name, width, zoom, fit)
            assert np.abs(np.subtract(fit["stretched"], 1)).max() < 0.02, told
            assert fit["used"] > 0.97 * fit["page"], told
            assert not fit["beyond"] and not fit["cut"], told
            assert fit["highest"] <= 0.66 * 1000 / zoom, told
        _shot(root(page, 1), f"fits_{width}_{zoom}_{theme.lower()}")


def slides_fill_their_window(lab):
    page = lab.page
    page.evaluate("window.jupyterapp.shell.collapseLeft()")  # as for a talk
    for width, height in ((1280, 720), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        for cell in SLIDES:
            root(page, cell).evaluate("e => e.scrollIntoView()")
            page.wait_for_timeout(400)
            told = (cell, width, fit := root(page, cell).evaluate(FIT))
            room = page.evaluate("document.querySelector('.jp-WindowedPanel-outer').clientHeight")
            high = root(page, cell).evaluate("e => e.getBoundingClientRect().height")
            assert 0.8 * room < high <= room, (*told, high, room)
            assert fit["used"] > 0.9 * fit["page"] and not fit["beyond"], told
            assert np.abs(np.subtract(fit["stretched"], 1)).max() < 0.02, told
            page.screenshot(path=_path(f"fits_slide{cell}_{width}"))
    page.set_viewport_size({"width": 1440, "height": 1000})


def a_reload_and_a_second_tab_are_alive(lab):
    lab.command("docmanager:save")
    lab.page.reload()
    lab.idle()
    wait(lambda: root(lab.page, 1).count() and np.ptp(lab.pixels(1)) > 50)
    lab.page.errors[:] = [e for e in lab.page.errors if "widget model not found" not in e]
    root(lab.page, 1).get_by_title("Make a single step").click()
    wait(lambda: "step 7 " in status(lab.page))

    tab = lab.page.context.browser.new_page()
    tab.goto(lab.address)
    wait(lambda: root(tab, 1).count() and "step 7 " in status(tab))
    root(tab, 1).get_by_title("Make a single step").click()
    wait(lambda: "step 8 " in status(tab) and "step 8 " in status(lab.page))
    tab.close()


def an_ended_kernel_leaves_an_image_and_a_sentence(lab):
    page = lab.page
    cell = page.locator(".jp-Notebook-cell").nth(1)
    still = cell.locator("img[src^='data:image/jpeg']")
    assert not still.is_visible(), "a live widget has no still image beside it"
    lab.command("docmanager:save")
    page.evaluate(f"{NOTEBOOK_WIDGET}.sessionContext.session.kernel.restart()")
    before = root(page, 1).locator("canvas").first.evaluate("c => c.toDataURL()")
    content = (
        "part => getComputedStyle(part, '::before').content.replaceAll('\"', '')"
        ".replace('none', '').replace('normal', '')"
    )
    wait(lambda: "Run the cell again" in root(page, 1).evaluate(content))
    parts = root(page, 1).locator(".jupyter-widgets-disconnected")
    icons = parts.evaluate_all(f"parts => parts.map({content}).filter(text => text)")
    assert parts.count() > 20 and not icons
    assert root(page, 1).locator("canvas").first.evaluate("c => c.toDataURL()") == before
    _shot(cell, "life_ended")

    page.reload()
    lab.idle()
    still.wait_for(state="visible")
    still.scroll_into_view_if_needed()
    assert still.evaluate("image => image.naturalWidth") > 500
    _shot(cell, "life_reloaded")
    # JupyterLab's own words in the place of the live widget
    page.errors[:] = [e for e in page.errors if "widget model not found" not in e]


def _path(name):
    RUNS.mkdir(exist_ok=True)
    return RUNS / f"{name}.png"


def _shot(place, name):
    place.screenshot(path=_path(name))
