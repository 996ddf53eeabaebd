"""In marimo: a run's page is alive as an anywidget, and every other widget is its last image."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect
from servers import free_port, wait_for

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]
START = 60_000  # ms that a notebook may take to appear
NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import dragkit as dk

    toy = dk.load("toy")
    edit = dk.Edit([(64, 85)], [(74, 80)])
    session = dk.Session(toy, toy.sample(0), edit, **dk.methods.draggan() | {"steps": 5})
    player = dk.PagePlayer(session)
    return mo, dk, session, player


@app.cell
def _(mo, player):
    mo.ui.anywidget(player.view.widget)
    return


@app.cell
def _(dk, session):
    dk.Player(session)
    return
"""


@pytest.fixture
def marimo(tmp_path):
    """The address of a marimo that shows the notebook."""
    notebook = tmp_path / "notebook.py"
    notebook.write_text(NOTEBOOK)
    port = str(free_port())
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    serve = [sys.executable, "-m", "marimo", "run", str(notebook), "--headless", "--no-token"]
    with (tmp_path / "marimo.log").open("w") as log:
        server = subprocess.Popen(
            [*serve, "--port", port], env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def test_a_run_is_watched_and_scrubbed(marimo, page):
    page.goto(marimo)
    step = page.locator("#step")
    expect(step).to_have_text("step 0 of 0", timeout=START)
    player = page.get_by_role("tabpanel").locator("img[src^='data:image']")
    expect(player).to_be_visible()

    page.get_by_role("button", name="Run", exact=True).click()
    expect(step).to_have_text("step 5 of 5")
    page.locator("#slider").press("ArrowLeft")
    expect(step).to_have_text("step 4 of 5")
    painted = page.locator(".pane > canvas:first-child").first
    page.wait_for_function(
        "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size > 50",
        arg=painted.element_handle(),
    )
    page.screenshot(path=ROOT / "runs" / "marimo.png", full_page=True)
