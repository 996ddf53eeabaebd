"""A large image is given to a widget: it gets through where the limit is raised, or is told."""

import numpy as np
import pytest
from person import Lab, wait, write_cells
from PIL import Image

import run

pytestmark = pytest.mark.slow
RAISED = [f"--ServerApp.tornado_settings={run.MESSAGE}"]
SHOW = "import dragkit as dk\npicker = dk.Picker(dk.load('lion', device='cpu'))\npicker"


@pytest.fixture
def opened(lab, page):
    folder, url = lab
    write_cells(folder / "upload.ipynb", [SHOW])
    noise = np.random.RandomState(0).randint(0, 256, (2400, 1800, 3), np.uint8)
    Image.fromarray(noise).save(folder / "large.png")  # 13 MB
    return Lab(page, url("upload.ipynb"), folder / "upload.ipynb")


@pytest.mark.parametrize(
    ("lab", "told"),
    [
        (RAISED, "Looking for your image"),
        ([], "if you had chosen an image, it was lost: a file may have 9 mb here"),
    ],
    indirect=["lab"],
    ids=["raised", "usual"],
)
def test_a_large_image_gets_through_or_is_told(opened, told):
    opened.run_all()
    opened.page.set_default_timeout(15_000)
    assert "≤ 9 MB" in opened.page.locator(".dk .widget-upload").inner_text()
    status = opened.page.locator(".dk [role=status]")
    assert told.lower() not in status.inner_text().lower()
    with opened.page.expect_file_chooser() as chooser:
        opened.page.locator(".dk .widget-upload").click()
    chooser.value.set_files(opened.file.parent / "large.png")
    wait(lambda: told.lower() in status.inner_text().lower())
    opened.page.errors[:] = [text for text in opened.page.errors if "WebSocket" not in text]
