"""The table of all methods: each cell comes from a preset, and two rows show what differs."""

import re
from html.parser import HTMLParser

import pytest

from dragkit import Nearer, NearestNeighbor, methods
from dragkit.methods import knobs


class Page(HTMLParser):
    """The rows of the table and the rules of its style sheet."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.buttons: list[tuple[str, set[str], bool]] = []
        self.cells: list[tuple[str, str]] = []
        self.feed(html)
        self.rules = re.findall(
            r":has\(\.a\.(k\d+-\d+):checked\):not\(:has\(\.b\.\1:c.*?\.(k\d+) {", html
        )

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "input":
            kinds = set(found["class"].split()) - {found["name"]}
            self.buttons.append((found["name"], kinds, "checked" in found))
        if tag == "td" and "title" in found:
            self.cells.append((found["class"], found["title"]))

    def lit(self, a: int, b: int) -> set[str]:
        """The columns that light up when rows a and b are picked."""
        first = [kinds for name, kinds, _ in self.buttons if name == "a"][a]
        second = [kinds for name, kinds, _ in self.buttons if name == "b"][b]
        return {column for value, column in self.rules if value in first and value not in second}


def test_every_preset_is_a_row():
    presets = {name for name in vars(methods) if name in methods.diffusion.__dict__}
    presets |= {"draggan", "stabledrag", "anchored", "freedrag", "dragnoise", "draglora"}
    public = {p.__name__ for p in knobs.PRESETS}
    assert public == {name for name in presets if callable(getattr(methods, name))}
    assert len(methods.table().rows) == len(public)


def test_a_change_of_a_method_is_a_change_of_its_row_and_nothing_else():
    base = methods.draggan()
    tracker = NearestNeighbor(candidates=Nearer(), subpixel=True)
    rows = methods.table({"base": base, "mine": base | {"lr": 5e-3, "tracker": tracker}}).rows
    changed = {knob for knob, cell in rows["mine"].items() if cell != rows["base"][knob]}
    assert changed >= {"lr", "candidates", "between pixels"}
    texts = {knob for knob in changed if rows["mine"][knob].text != rows["base"][knob].text}
    assert texts == {"lr", "candidates", "between pixels"}
    assert rows["mine"]["candidates"].text == "Nearer(strict=False)"


def test_two_rows_light_up_where_they_differ_and_nowhere_else():
    table = methods.table()
    page = Page(table._repr_html_())
    rows = list(table.rows.values())
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            differing = {f"k{k}" for k, knob in enumerate(a) if a[knob].text != b[knob].text}
            assert page.lit(i, j) == differing
    assert [checked for name, _, checked in page.buttons if name == "a"].index(True) == 0
    assert [checked for name, _, checked in page.buttons if name == "b"].index(True) == 1


def test_a_cell_names_its_piece_and_what_to_ask():
    page = Page(methods.table()._repr_html_())
    titles = [title for _, title in page.cells]
    assert any("dragkit.trackers.nearest.NearestNeighbor? has more" in title for title in titles)
    assert any("dragkit.gates.always? has more" in title for title in titles)


def test_the_printed_table_has_a_line_for_each_method():
    lines = repr(methods.table()).splitlines()
    assert len(lines) == 1 + len(knobs.PRESETS)
    assert lines[0].split()[0] == "leaf"
    assert any(line.startswith('gooddrag("official")') for line in lines)


def test_names_cannot_bring_markup():
    html = methods.table({"<script>alert(1)</script>": methods.draggan()})._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mine": {"lr": 1}}, "method 'mine' has no tracker, losses, steps, arrive, trust; begin"),
        ({"mine": 3}, "method 'mine' is 3; give a dict of all pieces"),
        ({"mine": methods.draggan}, "method 'mine' is <function draggan"),
        (methods.draggan(), "method 'tracker' is NearestNeighbor"),
        ("draggan", "methods is 'draggan'; give rows by name"),
        ([], r"methods is \[\]; give rows by name"),
    ],
)
def test_what_is_no_method_is_told(given, message):
    with pytest.raises(TypeError, match=message):
        methods.table(given)
