"""A run as one HTML file: what it holds, how large it is, and that a text stays a text."""

import base64
import json
import re
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import dragkit as dk
from dragkit.compose import peaks
from dragkit.page.document import SCRIPTS, STYLES, as_data
from dragkit.page.numbers import plain
from dragkit.page.score_contents import score_contents

FOLDER = Path(dk.__file__).parent / "page"
METHOD = dk.methods.stabledrag() | {"lr": 0.5, "steps": 6}
EVIL = "</script><script>window.PWNED=1</script><img src=x onerror=alert(1)>\"'`${1} $data <!--"
CROOKED = EVIL + "\u2028\u202e\ud800\x00"
MOST_BYTES = 3_000_000  # of a page of 100 steps at 256 px


@pytest.fixture(scope="module")
def trace():
    toy = dk.load("toy")
    mask = np.zeros((128, 128))
    mask[40:120, 20:100] = 1
    edit = dk.Edit([(64, 85), (40, 50)], [(74, 80), (45, 52)], mask)
    return dk.Trace(dk.drag(toy, toy.sample(0), edit, **METHOD))


class Page(HTMLParser):
    """A page as a browser reads it: its elements, the texts in scripts and styles, its data."""

    def __init__(self, path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.tags, self.inside = [], {}
        self.feed(self.text)
        self.data = json.loads(self.inside["application/json"])

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text):
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        self.inside.setdefault(attributes.get("type", tag), text)


def with_texts(trace, text):
    """The same run with `text` wherever a text can be."""

    def changed(frame):
        track = frame.step.track
        maps = {f"{text}{i}": scores for i, scores in enumerate(track.maps.values())}
        track = replace(track, maps=maps)
        step = replace(frame.step, track=track, losses={text: 1.0, "__proto__": 2.0}, tracker=text)
        return replace(frame, step=step)

    return dk.Trace([changed(frame) for frame in trace])


def test_a_page_holds_what_the_run_holds(trace, tmp_path):
    path = trace.to_html(tmp_path / "run.html", method=METHOD, title="Toy")
    page = Page(path)
    (run,) = page.data["runs"]
    assert page.data["title"] == "Toy" and run["size"] == [128, 128] and run["why"] == trace.why()
    assert [frame["step"] for frame in run["frames"]] == [frame.index for frame in trace]
    for found, frame in zip(run["frames"], trace, strict=True):
        np.testing.assert_allclose(found["points"], frame.points, rtol=1e-5)
        np.testing.assert_allclose(found["confidence"], frame.confidence, rtol=1e-5)
        assert found["arrived"] == frame.arrived.tolist()
        image = Image.open(BytesIO(base64.b64decode(found["image"].partition(",")[2])))
        assert np.abs(np.asarray(image.convert("RGB"), int) - frame.image).mean() < 3

    settings = {name: value for _, rows in run["settings"] for name, value in rows}
    assert settings["tracker"] == repr(METHOD["tracker"]) and settings["lr"] == "0.5"
    assert settings["losses"].splitlines() == [repr(loss) for loss in METHOD["losses"]]
    (edit,) = run["edits"]
    assert edit["arrive"] == METHOD["arrive"] and edit["mask"].startswith("data:image/png")


def test_a_score_is_told_to_a_255th_of_its_window_and_peaks_exactly(trace):
    frame = trace[3]
    contents = score_contents(frame)
    side = contents["side"]
    cells = np.frombuffer(base64.b64decode(contents["cells"]), np.uint8)
    cells = cells.reshape(len(frame.points), len(contents["names"]), side, side)
    for handle in range(2):
        for i, (name, scores) in enumerate(frame.score_maps(handle).items()):
            number = handle * len(contents["names"]) + i
            low, high = contents["low"][number], contents["high"][number]
            found = low + (high - low) * cells[handle, i] / 254
            assert contents["names"][i] == name
            np.testing.assert_allclose(found, scores, atol=(high - low) / 500)
            for place, cell in zip(("best", "second"), peaks(scores), strict=True):
                assert (contents[place][number] or [None, None])[:2] == list(cell or (None, None))


def test_the_same_run_gives_the_same_bytes_from_a_file_too(trace, tmp_path):
    first = trace.to_html(tmp_path / "a.html", method=METHOD).read_bytes()
    assert trace.to_html(tmp_path / "b.html", method=METHOD).read_bytes() == first
    opened = dk.Trace.load(trace.save(tmp_path / "run"))
    assert opened.to_html(tmp_path / "c.html", method=METHOD).read_bytes() == first


def test_a_hundred_steps_at_256_px_are_small_enough_to_mail(tmp_path):
    lion = dk.load("lion-256", device="cpu")
    edit = dk.Edit([(148, 148), (100, 90)], [(148, 174), (110, 90)], np.tri(256, k=150))
    frames = [*dk.Trace(dk.drag(lion, lion.sample(2), edit, **METHOD | {"lr": 1e-3, "steps": 1}))]
    many = [replace(frames[i % 2], step=replace(frames[i % 2].step, index=i)) for i in range(20)]
    sizes = [
        run.to_html(tmp_path / "run.html").stat().st_size
        for run in (dk.Trace(many[:10]), dk.Trace(many))
    ]
    of_ten = sizes[1] - sizes[0]
    assert sizes[0] + 9 * of_ten <= MOST_BYTES


def test_texts_are_data_and_never_markup(trace, tmp_path):
    plain_page = Page(dk.to_html({"a": trace, "b": trace}, tmp_path / "plain.html"))
    evil = with_texts(trace, EVIL)
    evil.metadata = {EVIL: CROOKED, "constructor": {EVIL: [EVIL]}}
    runs = {EVIL: evil, "__proto__": trace}
    methods = {EVIL: {CROOKED: CROOKED, "toString": (EVIL, EVIL)}}
    path = dk.to_html(runs, tmp_path / "evil.html", methods=methods, title=EVIL)
    page = Page(path)
    assert page.tags == plain_page.tags
    assert "PWNED" not in page.text.replace(page.inside["application/json"], "")
    assert not re.search("[<>&\u2028]", page.inside["application/json"])
    assert page.data["title"] == EVIL and page.data["runs"][0]["name"] == EVIL
    assert page.data["runs"][0]["losses"] == [EVIL, "__proto__"]
    model = dict(page.data["runs"][0]["settings"])["model"]
    assert model[0] == [EVIL, CROOKED]


@given(st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_data_survive_and_hold_nothing_that_ends_a_script(contents):
    text = as_data(contents)
    assert text.isascii() and not set("<>&") & set(text)
    assert json.loads(text) == contents


def test_the_policy_allows_the_pages_own_script_and_style_alone(trace, tmp_path):
    page = Page(trace.to_html(tmp_path / "run.html"))
    (policy,) = [a["content"] for _, a in page.tags if "http-equiv" in a]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:" and "unsafe" not in policy and "http" not in policy
    for rule, inside in (("script-src", "module"), ("style-src", "style")):
        digest = sha256(page.inside[inside].encode()).digest()
        assert rules[rule] == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page.text)
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert attributes.get("src") is None and attributes.get("href", "data:,") == "data:,"


def test_what_nobody_measured_is_null(trace, tmp_path):
    assert plain(torch.tensor([[0.1, torch.nan], [torch.inf, 2.0]])) == [[0.1, None], [None, 2.0]]
    assert plain(True) is True and plain(np.int64(3)) == 3
    toy = dk.load("toy")
    own = dk.Trace.of(toy, [(frame.latent, frame.points) for frame in trace], trace[0].edit)
    (run,) = Page(own.to_html(tmp_path / "own.html")).data["runs"]
    assert run["losses"] == [] and run["edits"][0]["arrive"] == 1  # as arrival was judged
    assert all(frame["confidence"] == [None, None] for frame in run["frames"])
    assert all(frame["scores"] is None for frame in run["frames"])


def test_a_stop_distance_that_nobody_told_is_null(trace, tmp_path):
    silent = [replace(frame, step=replace(frame.step, arrive=None)) for frame in trace]
    (run,) = Page(dk.Trace(silent).to_html(tmp_path / "a.html")).data["runs"]
    assert run["edits"][0]["arrive"] is None


def test_another_edit_and_another_tracker_on_the_way_are_told(trace, tmp_path):
    edit = dk.Edit([(64, 85), (40, 50)], [(70, 70), (50, 52)], arrive=3)
    later = [
        replace(frame, step=replace(frame.step, edit=edit, index=frame.index + 100, tracker="x"))
        for frame in trace
    ]
    (run,) = Page(dk.Trace([*trace, *later]).to_html(tmp_path / "a.html")).data["runs"]
    assert [edit["arrive"] for edit in run["edits"]] == [METHOD["arrive"], 3]
    assert [frame["edit"] for frame in run["frames"]] == [0] * len(trace) + [1] * len(trace)
    assert run["trackers"] == [repr(METHOD["tracker"]), "x"]
    (_, method) = run["settings"][1]
    assert method[0][1] == f"from step 0: {METHOD['tracker']!r}\nfrom step 100: x"
    assert [text[:8] for text in run["meanings"]] == ["learned:", ""]


def test_a_tracker_that_comes_back_is_told_again(trace, tmp_path):
    def made(tracker, index):
        return replace(trace[0], step=replace(trace[0].step, tracker=tracker, index=index))

    own = trace[0].step.tracker
    run = dk.Trace([made(own, 0), made("x", 5), made("x", 7), made(own, 9)])
    (run,) = Page(run.to_html(tmp_path / "a.html")).data["runs"]
    (_, method) = run["settings"][1]
    assert method[0][1] == f"from step 0: {own!r}\nfrom step 5: x\nfrom step 9: {own!r}"
    assert [frame["tracker"] for frame in run["frames"]] == [0, 1, 1, 0]


def test_large_images_are_shrunk_and_points_keep_their_pixels(trace, tmp_path):
    large = replace(trace[0], shown=np.zeros((100, 1280, 3), np.uint8))
    (run,) = Page(dk.Trace([large]).to_html(tmp_path / "a.html")).data["runs"]
    assert run["size"] == [100, 1280] and run["shown"] == [50, 640]


def test_a_page_replaces_a_page_and_nothing_else(trace, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    path = trace.until(0).to_html("~/pages/run.html")
    assert path == tmp_path / "pages/run.html"
    before = path.read_bytes()
    assert trace.to_html(path).read_bytes() != before
    other = tmp_path / "index.html"
    other.write_text("mine")
    with pytest.raises(FileExistsError, match="no page that dragkit wrote; choose another name"):
        trace.to_html(other)
    assert other.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.rglob("*.*")) == ["index.html", "run.html"]


def test_what_cannot_be_a_page_is_refused_before_any_work(trace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call, kind, message in (
        (lambda: trace.to_html("run.gif"), ValueError, "run.gif must end in .html"),
        (lambda: trace.to_html(3), TypeError, "path is 3; give the path of a file"),
        (lambda: trace.to_html("a.html", method=[1]), TypeError, r"method is \[1\]; give a dict"),
        (lambda: trace.to_html("a.html", title=""), ValueError, "title is ''; give a text"),
        (lambda: trace.to_html("a.html", titel="x"), TypeError, "did you mean 'title'"),
        (lambda: dk.Trace().to_html("a.html"), ValueError, "has no steps"),
        (lambda: dk.to_html(trace, "a.html"), TypeError, "runs is .*; give runs by name"),
        (lambda: dk.to_html({}, "a.html"), ValueError, "there are 0 runs; give 1 to 6"),
        (lambda: dk.to_html({"a": 1}, "a.html"), TypeError, "run 'a' is 1; give runs by name"),
        (lambda: dk.to_html({"a\n": trace}, "a.html"), ValueError, "cannot be printed"),
        (
            lambda: dk.to_html({"a": trace}, "a.html", methods={"b": METHOD}),
            ValueError,
            "methods names 'b'; there are the runs a",
        ),
    ):
        with pytest.raises(kind, match=message):
            call()
    assert not list(tmp_path.iterdir())


def test_the_scripts_are_short_and_make_no_markup_of_text():
    assert {path.name for path in FOLDER.glob("*.js")} == {
        *SCRIPTS,
        "open.js",
        "session.js",
        "live.js",
    }
    assert {path.name for path in FOLDER.glob("*.css")} == set(STYLES)
    for path in [*FOLDER.glob("*.js"), *FOLDER.glob("*.html"), *FOLDER.glob("*.css")]:
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        assert len(lines) <= 300 and max(map(len, lines)) <= 99, path.name
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|srcdoc|fetch",
            text,
        )
        assert path.suffix != ".js" or "</" not in text


def test_runs_that_are_compared_make_their_page_themselves(trace, tmp_path):
    compared = dk.Compare(trace, trace, names=("one", "two"))
    by_widget = compared.to_html(tmp_path / "widget.html", title="Two")
    by_function = dk.to_html({"one": trace, "two": trace}, tmp_path / "call.html", title="Two")
    assert by_widget.read_bytes() == by_function.read_bytes()
