"""The page of a benchmark's drags, opened from the file system as a person would open it."""

import json

import pandas as pd
import pytest

from dragkit.bench import read
from dragkit.bench.page import write_page
from tests.benchmark_folders import write_dragbench

pytestmark = pytest.mark.slow
EVIL = '<img src=x onerror="window.PWNED=1">'
COUNT = "() => [...document.querySelectorAll('tbody tr')].filter((row) => !row.hidden).length"
FIRST = "() => document.querySelector('tbody tr').cells[7].dataset.value"
BROKEN = "() => [...document.images].filter((i) => i.complete && !i.naturalWidth).length"
LOADED = "() => [...document.images].filter((i) => i.naturalWidth).length"


@pytest.fixture
def written(tmp_path):
    """A page of two images, two methods and one budget, in which one drag has failed."""
    for name in ("a", "b"):
        write_dragbench(tmp_path / "data" / "animals" / name)
    tasks = read(tmp_path / "data")
    rows = []
    for number, (task, method) in enumerate((t, m) for t in tasks for m in ("one", EVIL)):
        file = f"{number}.png"
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / file).write_bytes(task.image.read_bytes())
        rows.append(
            {
                "task": task.name, "category": "animals", "method": method, "budget": 10,
                "md": float(10 - 3 * number), "pairs": [1.0, 2.0], "image": file, "error": None,
                "md_discs": 2.0, "dai_1": 0.5, "psnr": 20.0, "fidelity": 0.9, "seconds": 3.0,
            }
        )  # fmt: skip
    rows[3] |= {"md": float("nan"), "pairs": None, "image": None, "error": f"lost: {EVIL}"}
    return write_page(tmp_path / "index.html", pd.DataFrame(rows), tasks, EVIL)


def test_it_sorts_and_filters_without_a_server_and_runs_nothing_of_what_it_shows(page, written):
    page.goto(written.as_uri())
    assert page.evaluate(COUNT) == 4 and "4 of 4 drags" in page.inner_text("#count")
    assert page.evaluate(BROKEN) == 0

    head = page.locator("th button", has_text="MD [px]")
    head.click()
    assert float(page.evaluate(FIRST)) == 4
    head.click()
    assert float(page.evaluate(FIRST)) == 10  # the drag that failed stays last
    assert "lost" in page.inner_text("tbody tr:last-child")

    page.select_option("#method", EVIL)
    assert page.evaluate(COUNT) == 2
    assert page.evaluate("() => window.PWNED") is None
    assert json.loads(page.evaluate("() => JSON.stringify(document.scripts.length)")) == 1


@pytest.mark.parametrize("width", [820, 1440])
def test_images_keep_their_shape_under_their_points(page, written, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(written.as_uri())
    image = page.locator("tbody img").first.bounding_box()
    assert image["width"] / image["height"] == pytest.approx(32 / 24, rel=0.02)
    assert page.locator("tbody svg").first.bounding_box() == pytest.approx(image)


def test_one_chooses_which_scores_are_shown_and_reads_what_they_are(page, written):
    page.goto(written.as_uri())

    def seen():
        heads = page.locator("thead th.score:visible").all_inner_texts()
        names = [head.splitlines()[0] for head in heads]
        assert page.locator("dt:visible").all_inner_texts() == names
        assert page.locator("tbody tr:first-child td.score:visible").count() == len(names)
        return names

    assert seen() == ["MD [px]", "IF", "PSNR [dB]"]
    page.select_option("#scores", "distance")
    assert seen() == ["MD [px]", "MD in discs [px]"]
    assert "lower is better" in page.locator("dd:visible").first.inner_text()
    page.select_option("#scores", label="to the true target")
    assert seen() == ["PSNR [dB]"]
    page.select_option("#scores", label="all")
    assert len(seen()) == 6


def test_the_page_and_its_images_can_be_moved(page, written, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    written.rename(moved / "index.html")
    (tmp_path / "images").rename(moved / "images")
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    page.goto((moved / "index.html").as_uri())
    page.wait_for_load_state("networkidle")
    assert page.evaluate(BROKEN) == 0 and page.evaluate(LOADED) == 7  # one drag has failed
