"""A page without a kernel in Chromium, from the file system: by mouse, finger and keys.

The screenshots are saved as runs/page_*.png.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

import dragkit as dk

RUNS = Path(__file__).parents[2] / "runs"
METHOD = dk.methods.stabledrag() | {"lr": 0.5, "steps": 20}
EVIL = "</script><script>window.PWNED=1</script><img src=x onerror=window.PWNED=2>\"'`${1}`<!--"
WIDTHS = (360, 390, 820, 1440, 1920)


@pytest.fixture(scope="module")
def trace():
    toy = dk.load("toy")
    mask = np.zeros((128, 128))
    mask[40:120, 20:100] = 1
    edit = dk.Edit([(64, 85), (40, 50)], [(74, 80), (45, 52)], mask)
    return dk.Trace(dk.drag(toy, toy.sample(0), edit, **METHOD))


@pytest.fixture
def page(page):
    """The same, with violations of the page's policy among its errors, and what it asked for."""
    page.add_init_script(
        "addEventListener('securitypolicyviolation', e => console.error(e.violatedDirective))"
    )
    page.requests = []
    page.on("request", lambda request: page.requests.append(request.url))
    yield page
    asked = {url.partition(":")[0] for url in page.requests}
    assert asked <= {"file", "data"}, asked


def opened(page, path, at_start=True):
    page.goto(path.as_uri())
    if at_start:
        page.keyboard.press("Home")
    return page


def at(page):
    """The step that the page names."""
    return page.locator("#step")


def pixels(page, number=0):
    return page.locator(".pane > canvas:first-child").nth(number).evaluate("c => c.toDataURL()")


def pull(page, place, *shares):
    """Press at the first of the shares of a place's width, and let go at the last."""
    box = place.bounding_box()
    spots = [(box["x"] + share * box["width"], box["y"] + box["height"] / 2) for share in shares]
    page.mouse.move(*spots[0])
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*spot, steps=3)
    page.mouse.up()


def place_under_the_mouse(page):
    """(x, y) of the cross that marks it, in pixels of the image."""
    path = page.locator(".stage .mark-cross path").first.get_attribute("d")
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", path)]
    return np.reshape(numbers, (-1, 2)).mean(0)


def test_zoom_keeps_what_is_under_the_mouse_and_a_pull_moves_it(trace, page, tmp_path):
    opened(page, trace.to_html(tmp_path / "run.html", method=METHOD), at_start=False)
    stage, pane = page.locator(".stage"), page.locator(".pane")
    box = stage.bounding_box()
    x, y = trace[-1].points[0].tolist()  # over its score window, so that a cross marks the place
    spot = (box["x"] + (x + 0.5) / 128 * box["width"], box["y"] + (y + 0.5) / 128 * box["height"])
    page.mouse.move(*spot)
    expect(page.locator(".stage .mark-cross")).to_have_count(1)
    before = place_under_the_mouse(page)

    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    expect(stage).to_have_class("stage zoomed")
    page.mouse.move(spot[0] + 1, spot[1])
    grown = pane.bounding_box()["width"] / box["width"]
    assert grown == pytest.approx(np.exp(400 / 300), rel=0.01)
    assert np.abs(place_under_the_mouse(page) - before).max() <= 1
    radius = page.locator(".mark-handle .rim").first.bounding_box()["width"]
    page.screenshot(path=RUNS / "page_zoomed.png")

    left = pane.bounding_box()["x"]
    page.mouse.down()
    page.mouse.move(spot[0] + 31, spot[1], steps=3)
    page.mouse.up()
    assert pane.bounding_box()["x"] - left == pytest.approx(30, abs=2)

    page.keyboard.press("0")
    expect(stage).to_have_class("stage")
    assert pane.bounding_box() == box
    whole = page.locator(".mark-handle .rim").first.bounding_box()["width"]
    assert radius == pytest.approx(whole, rel=0.02)  # marks do not grow
    for _ in range(20):
        page.get_by_role("button", name="Zoom in").click()
    assert pane.bounding_box()["width"] == pytest.approx(16 * box["width"], rel=0.01)


def test_keys_scrub_and_play(trace, page, tmp_path):
    last = len(trace) - 1
    opened(page, trace.to_html(tmp_path / "run.html", method=METHOD), at_start=False)
    expect(at(page)).to_have_text(f"step {last} of {last}")
    end = pixels(page)
    for key, step in (
        *(("Home", 0), ("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowLeft", 10)),
        *(("Shift+ArrowLeft", 0), ("End", last), ("ArrowRight", last)),
    ):
        page.keyboard.press(key)
        expect(at(page)).to_have_text(f"step {step} of {last}")
    page.keyboard.press("Home")
    to_go = [f"{distance:.3g}" for distance in trace[0].distance.tolist()]
    expect(page.locator(".line")).to_contain_text(f"step 0 · {', '.join(to_go)} px to go")
    assert pixels(page) != end

    page.locator("#rate").select_option("4")
    page.locator("h1").click()
    page.keyboard.press(" ")
    expect(page.locator("#play")).to_have_text("Pause")
    page.locator("#rate").select_option("30")
    expect(at(page)).to_have_text(f"step {last} of {last}")
    expect(page.locator("#play")).to_have_text("Play")
    assert pixels(page) == end
    page.locator("#rate").select_option("4")
    page.locator("#slider").focus()
    page.keyboard.press(" ")  # from the end it plays from the beginning
    expect(page.locator("#play")).to_have_text("Pause")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#play")).to_have_text("Play")
    expect(at(page)).not_to_have_text(f"step {last} of {last}")


def test_the_mouse_scrubs_by_slider_buttons_and_curves(trace, page, tmp_path):
    opened(page, trace.to_html(tmp_path / "run.html"))
    pull(page, page.locator("#slider"), 0.02, 0.5)
    expect(at(page)).to_have_text("step 10 of 20")
    page.get_by_role("button", name="Step on").click()
    expect(at(page)).to_have_text("step 11 of 20")
    page.get_by_role("button", name="Last step").click()
    expect(page.get_by_role("button", name="Step on")).to_be_disabled()
    curve = page.locator(".chart > svg").first
    pull(page, curve, 0.9, 0.3)
    expect(at(page)).to_have_text(re.compile("step [56] of 20"))
    step = int(at(page).inner_text().split()[1])
    value = page.locator(".chart .value").first
    assert float(value.inner_text()) == pytest.approx(trace[step].distance[0].item(), rel=0.01)
    expect(page.locator(".chart .cursor .now")).to_have_count(3)


def test_layers_are_shown_one_by_one(trace, page, tmp_path):
    opened(page, trace.to_html(tmp_path / "run.html"), at_start=False)
    for value, marks in (
        *(("points", ".mark-handle"), ("trail", ".mark-trail"), ("window", ".mark-window")),
        *(("mask", ".pane > .mask"), ("heat", ".pane > .heat")),
    ):
        box = page.locator(f"#layers input[value={value}]")
        seen = page.locator(f".stage {marks}" if marks.startswith(".mark") else marks)
        for wanted in (not box.is_checked(), box.is_checked()):
            box.set_checked(wanted)
            expect(seen.first).to_be_visible(visible=wanted)
    without = dk.Trace([replace(trace[0], step=replace(trace[0].step, edit=plain(trace)))])
    opened(page, without.to_html(tmp_path / "plain.html"))
    expect(page.locator("#layers input[value=mask]")).to_be_disabled()
    expect(page.locator("#play")).to_be_disabled()


def plain(trace):
    """The edit without its mask."""
    return dk.Edit(trace[0].edit.handles, trace[0].edit.targets)


def test_a_cell_of_a_score_map_is_linked_with_the_image(trace, page, tmp_path):
    opened(page, trace.to_html(tmp_path / "run.html"))
    page.keyboard.press("ArrowRight")
    page.locator("#handle").select_option("1")
    cards = page.locator(".card:visible")
    assert cards.locator("h4").all_inner_texts() == ["fused", "learned", "difference"]
    scores = trace[1].score_maps(1)["learned"]
    window = cards.nth(1).locator(".window")
    window.scroll_into_view_if_needed()
    box = window.bounding_box()
    row, column = 1, 4
    side = len(scores)
    page.mouse.move(
        box["x"] + (column + 0.5) * box["width"] / side,
        box["y"] + (row + 0.5) * box["height"] / side,
    )
    said = cards.nth(1).locator(".peaks")
    expect(said).to_contain_text("pixel")
    place, value = re.fullmatch(r"pixel \((.*)\): (.*)", said.inner_text()).groups()
    centre = trace[1].step.window_centre[1].numpy()
    wanted = centre + np.array([column, row]) - side // 2
    np.testing.assert_allclose([float(x) for x in place.split(", ")], wanted, atol=0.1)
    spread = float(np.nanmax(scores) - np.nanmin(scores))
    assert float(value.replace("−", "-")) == pytest.approx(
        float(scores[row, column]), abs=spread / 100
    )
    expect(page.locator(".stage .mark-cross")).to_have_count(1)
    page.mouse.move(0, 0)
    expect(said).to_contain_text("best")
    expect(page.locator(".stage .mark-cross")).to_have_count(0)


def test_runs_are_compared_with_one_slider(trace, page, tmp_path):
    nearest = replace(trace[0], step=replace(trace[0].step, tracker="NearestNeighbor()"))
    runs = {"whole": trace, "short": trace.until(5), "one": dk.Trace([nearest])}
    opened(page, dk.to_html(runs, tmp_path / "compare.html", methods={"whole": METHOD}))
    page.keyboard.press("Shift+ArrowRight")
    lines = page.locator(".line")
    expect(lines.nth(0)).to_contain_text("step 10 ·")
    expect(lines.nth(1)).to_contain_text(re.compile(r"step 5 .* \(ended\)"))
    expect(lines.nth(2)).to_contain_text(re.compile(r"step 0 .* \(ended\)"))
    titles = page.locator(".chart h3").all_inner_texts()
    assert titles[0] == "distance to the target (px)"
    assert titles[-2:] == ["confidence: Discriminative", "confidence: NearestNeighbor"]
    differs = page.locator("tr.differs th").all_inner_texts()
    assert {"tracker", "lr"} <= set(differs) and "mask" not in differs


def test_hostile_texts_are_shown_and_do_nothing(trace, page, tmp_path):
    def renamed(frame):
        track = frame.step.track
        maps = {f"{EVIL}{i}": scores for i, scores in enumerate(track.maps.values())}
        track = replace(track, maps=maps)
        step = replace(frame.step, track=track, losses={EVIL: 1.0, "__proto__": 2}, tracker=EVIL)
        return replace(frame, step=step)

    evil = dk.Trace([renamed(frame) for frame in trace])
    evil.metadata = {EVIL: EVIL, "constructor": EVIL + "\u2028\u202e"}
    runs = {EVIL: evil, "__proto__": trace}
    path = dk.to_html(runs, tmp_path / "evil.html", methods={EVIL: {EVIL: EVIL}}, title=EVIL)
    opened(page, path)
    expect(page).to_have_title(EVIL)
    expect(page.locator("h1")).to_have_text(EVIL)
    assert page.locator("figcaption").all_inner_texts() == [EVIL, "__proto__"]
    page.locator(".card .window").nth(1).hover()
    page.keyboard.press("End")
    expect(at(page)).to_have_text("step 20 of 20")
    assert page.evaluate("window.PWNED") is None
    assert page.locator("img[src='x']").count() == 0 and page.locator("script").count() == 2
    shot(page, "hostile")


def test_extreme_numbers_are_drawn(trace, page, tmp_path):
    for values in ((1e308, -1e308), (1e20, 1e20), (0.0, 1e-300), (7.0, 7.0)):
        frames = [
            replace(frame, step=replace(frame.step, losses={"a": value, "b": float("nan")}))
            for frame, value in zip(trace, values)
        ]
        opened(page, dk.Trace(frames).to_html(tmp_path / "run.html"))
        drawn = page.locator(".chart svg path")
        expect(page.locator(".chart .base")).to_have_count(3)
        paths = drawn.evaluate_all("paths => paths.map(path => path.getAttribute('d'))")
        assert len(paths) > 20
        assert not [path for path in paths if "NaN" in path or "Infinity" in path]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_width_in_light_and_dark(trace, page, tmp_path, scheme):
    page.emulate_media(color_scheme=scheme)
    runs = {"one": trace, "two": trace.until(9), "three": trace, "four": trace}
    for name, path in (
        ("run", trace.to_html(tmp_path / "run.html", method=METHOD)),
        ("compare", dk.to_html(runs, tmp_path / "compare.html")),
    ):
        opened(page, path, at_start=False)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            expect(page.locator("#slider")).to_be_in_viewport(ratio=1)
            expect(page.locator(".stage").first).to_be_in_viewport()
            if width in (390, 820, 1440):
                page.wait_for_timeout(50)  # the curves are laid out
                shot(page, f"{name}_{width}_{scheme}")
    red, green, blue = map(int, re.findall(r"\d+", style(page, "body", "backgroundColor"))[:3])
    assert (red + green + blue > 384) == (scheme == "light")


def style(page, selector, name):
    return page.locator(selector).first.evaluate("(e, name) => getComputedStyle(e)[name]", name)


def shot(page, name):
    RUNS.mkdir(exist_ok=True)
    page.screenshot(path=RUNS / f"page_{name}.png")


def test_all_is_reached_by_tab_named_and_seen(trace, page, tmp_path):
    opened(page, trace.to_html(tmp_path / "run.html"))
    visited = []
    while "BODY" not in visited[1:]:
        page.keyboard.press("Tab")
        visited.append(
            page.evaluate(
                "() => { const e = document.activeElement; const s = getComputedStyle(e);"
                " return e === document.body ? 'BODY' : [e.id || e.value || e.tagName,"
                " s.outlineStyle + s.outlineWidth].join(' ') }"
            )
        )
    reached = {name.split()[0] for name in visited}
    wanted = {"points", "trail", "mask", "window", "heat", "handle", "on", "last"}
    assert wanted | {"play", "slider", "rate"} <= reached
    assert all(name == "BODY" or name.endswith("solid3px") for name in visited), visited
    for role in ("button", "slider", "checkbox", "combobox", "region", "img"):
        for part in page.get_by_role(role).all():
            assert part.evaluate(
                "e => e.ariaLabel || e.labels?.[0]?.innerText || e.innerText"
                " || e.getAttribute('aria-labelledby')"
            )
    slider = page.get_by_role("slider", name="Step")
    assert slider.get_attribute("aria-valuetext") == "step 0 of 20"


def test_a_finger_scrubs_and_looks(trace, page, tmp_path):
    path = trace.to_html(tmp_path / "run.html")
    size = {"width": 390, "height": 844}
    context = page.context.browser.new_context(viewport=size, has_touch=True, is_mobile=True)
    phone = opened(context.new_page(), path)
    phone.on("pageerror", lambda error: page.errors.append(str(error)))
    curve = phone.locator(".chart > svg").first
    curve.evaluate("e => e.scrollIntoView({block: 'center'})")  # not below the bar that stays
    box = curve.bounding_box()
    phone.touchscreen.tap(box["x"] + 46 + (box["width"] - 64) / 2, box["y"] + 50)
    expect(at(phone)).to_have_text("step 10 of 20")
    phone.locator("#on").tap()
    expect(at(phone)).to_have_text("step 11 of 20")
    phone.locator(".card .window").first.tap()
    expect(phone.locator(".card .peaks").first).to_contain_text("pixel")
    expect(phone.locator(".stage .mark-cross")).to_have_count(1)
    context.close()


def test_what_was_done_to_a_run_is_marked_and_each_tracker_has_its_confidence(page, tmp_path):
    toy = dk.load("toy")
    edit = dk.Edit([(64, 85)], [(74, 80)])
    session = dk.Session(toy, toy.sample(0), edit, **METHOD)
    session.run(3)
    session.intervene(dk.interventions.FreezeRows([0])).run(2)
    session.swap(tracker=dk.NearestNeighbor(), trust=None).run(2)
    session.swap(tracker=dk.NearestNeighbor(radius=6)).run(1)

    opened(page, session.trace.to_html(tmp_path / "run.html", method=session.method))
    charts = page.locator(".chart")
    titles = charts.locator("h3").all_inner_texts()
    assert titles[2:] == ["confidence: Discriminative", "confidence: NearestNeighbor"]
    for i in range(4):
        chart = charts.nth(i)
        expect(chart.locator("svg[role=img] .intervention")).to_have_count(1)
        expect(chart.locator("svg[role=img] .swap")).to_have_count(2)
        expect(chart.locator(".legend")).to_contain_text("intervention")
    expect(page.locator("#settings")).to_contain_text("at step 3: FreezeRows(rows=(0,))")
    page.screenshot(path=RUNS / "page_interventions.png", full_page=True)


def test_score_maps_say_what_the_tracker_of_the_step_compares(page, tmp_path):
    toy = dk.load("toy")
    session = dk.Session(toy, toy.sample(0), dk.Edit([(64, 85)], [(84, 80)]), **METHOD)
    session.run(2)
    session.swap(tracker=dk.NearestNeighbor()).run(2)
    opened(page, session.trace.to_html(tmp_path / "run.html"))
    expect(page.locator(".meaning")).to_contain_text("learned:")
    page.keyboard.press("End")
    expect(page.locator(".meaning")).to_contain_text("how unlike the features are")


def test_a_swapped_run_that_is_compared_has_each_trackers_confidence_apart(page, tmp_path):
    """Their scales differ; and a tracker that comes back is the same one."""
    toy = dk.load("toy")
    session = dk.Session(toy, toy.sample(0), dk.Edit([(64, 85)], [(84, 80)]), **METHOD)
    session.run(6)
    session.swap(tracker=dk.NearestNeighbor()).run(6)
    session.swap(tracker=METHOD["tracker"]).run(6)
    runs = {"swapped": session.trace, "first": session.trace.until(6)}
    opened(page, dk.to_html(runs, tmp_path / "compare.html"))
    charts = page.locator(".chart")
    titles = charts.locator("h3").all_inner_texts()
    assert titles[-2:] == ["confidence: Discriminative", "confidence: NearestNeighbor"]
    paths = charts.nth(-2).locator("svg[role=img] .curve")
    expect(paths).to_have_count(2)
    assert paths.first.get_attribute("d").count("M") == 2  # before it was swapped, and after
    expect(charts.nth(-1).locator("svg[role=img] .curve")).to_have_count(1)
    ticks = charts.first.locator(".tick.middle").all_text_contents()
    assert len(ticks) > 2 and all(tick.isdecimal() for tick in ticks)
