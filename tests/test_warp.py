"""A warp moves what its field says: against a plain transcription, and by what must be true."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import dragkit as dk
from dragkit import Edit, warping

SIDE, CELL = 16, 4  # cells of the latent, and pixels that one of them covers
SIZE = (SIDE * CELL, SIDE * CELL)
GRID = (SIDE, SIDE)


def box(left: int, top: int, right: int, bottom: int) -> torch.Tensor:
    """A mask that frees a box of cells, the last ones included."""
    mask = torch.zeros(SIZE)
    mask[CELL * top : CELL * (bottom + 1), CELL * left : CELL * (right + 1)] = 1
    return mask


def latent(seed: int = 0) -> torch.Tensor:
    return torch.randn(3, *GRID, generator=torch.Generator().manual_seed(seed))


@st.composite
def edits(draw, handles: int = 3):
    """Some handles in a box that is free, with targets anywhere in the image."""
    left, top = draw(st.integers(0, 8)), draw(st.integers(0, 8))
    right, bottom = draw(st.integers(left + 2, 15)), draw(st.integers(top + 2, 15))
    within = st.tuples(
        st.integers(CELL * left, CELL * right + CELL - 1),
        st.integers(CELL * top, CELL * bottom + CELL - 1),
    )
    anywhere = st.tuples(st.floats(0, 63), st.floats(0, 63))
    starts = draw(st.lists(within, min_size=1, max_size=handles, unique=True))
    ends = draw(st.lists(anywhere, min_size=len(starts), max_size=len(starts)))
    return Edit(starts, ends, box(left, top, right, bottom))


# Transcribed from the equation, one cell after the other


def plain_field(edit):
    """v(C) of every free cell C, by (row, column)."""
    cells = [
        (row, column)
        for row in range(SIDE)
        for column in range(SIDE)
        if edit.mask[CELL * row : CELL * (row + 1), CELL * column : CELL * (column + 1)].mean()
        > 0.5
    ]
    edges = [
        (CELL * min(places) - 0.5, CELL * (max(places) + 1) - 0.5)
        for places in ([c for _, c in cells], [r for r, _ in cells])
    ]
    centre = [(low + high) / 2 for low, high in edges]
    radius = math.hypot(*(high - low for low, high in edges)) / 2
    field = {}
    for row, column in cells:
        place = (CELL * column + 1.5, CELL * row + 1.5)
        weights = [1 / (math.dist(place, a) + 1e-4) for a in edit.handles.tolist()]
        move = [0.0, 0.0]
        for weight, a, b in zip(weights, edit.handles.tolist(), edit.targets.tolist()):
            held = held_share(place, a, centre, radius)
            for axis in (0, 1):
                move[axis] += weight / sum(weights) * held * (b[axis] - a[axis])
        field[row, column] = move
    return field


def held_share(c, a, o, radius):
    """|PC| / |AP|, with P where the ray from a through c meets the circle: by bisection."""
    if c == tuple(a):
        return 1.0
    low, high = 1.0, 1e6  # P = a + s (c - a)
    for _ in range(200):
        s = (low + high) / 2
        if math.dist([a[i] + s * (c[i] - a[i]) for i in (0, 1)], o) < radius:
            low = s
        else:
            high = s
    return (low - 1) / low


def plain_warp(z, edit):
    """Cells where they go, first come first served; then the holes."""
    field, moved, landed = plain_field(edit), z.clone(), set()
    for (row, column), (x, y) in field.items():
        to = (
            min(max(round(row + y / CELL), 0), SIDE - 1),
            min(max(round(column + x / CELL), 0), SIDE - 1),
        )
        if to in field and to not in landed:
            landed.add(to)
            moved[:, to[0], to[1]] = z[:, row, column]
    known, filled = moved.clone(), moved
    for row, column in field.keys() - landed:
        values, weights = [], []
        for down, right in ((0, -1), (0, 1), (-1, 0), (1, 0)):
            for k in range(1, SIDE):
                place = (row + k * down, column + k * right)
                if not (0 <= place[0] < SIDE and 0 <= place[1] < SIDE):
                    break
                if place not in field or place in landed:
                    values.append(known[:, place[0], place[1]] / k)
                    weights.append(1 / k)
                    break
        if weights:
            filled[:, row, column] = sum(values) / sum(weights)
    return filled


@settings(max_examples=60, deadline=None)
@given(edit=edits())
def test_the_field_is_that_of_the_equation(edit):
    field = dk.warp_field(edit, SIZE, GRID)
    expected = torch.zeros(SIDE, SIDE, 2)
    for place, move in plain_field(edit).items():
        expected[place] = torch.tensor(move)
    torch.testing.assert_close(field, expected, atol=2e-3, rtol=1e-3)


@settings(max_examples=60, deadline=None)
@given(edit=edits())
def test_a_warp_is_that_of_the_rule(edit):
    moves = [abs(x / CELL) % 1 for move in plain_field(edit).values() for x in move]
    if any(abs(part - 0.5) < 1e-3 for part in moves):
        return  # float32 and float64 may round it to different cells
    torch.testing.assert_close(dk.warp(latent(), edit), plain_warp(latent(), edit))


# What must be true of any


@given(edit=edits())
@settings(max_examples=40, deadline=None)
def test_a_drag_of_no_length_changes_nothing(edit):
    still = Edit(edit.handles, edit.handles, edit.mask)
    assert torch.equal(dk.warp(latent(), still), latent())


@given(edit=edits())
@settings(max_examples=40, deadline=None)
def test_outside_the_mask_nothing_moves(edit):
    outside = edit.mask[::CELL, ::CELL] == 0
    assert torch.equal(dk.warp(latent(), edit)[:, outside], latent()[:, outside])
    assert not dk.warp_field(edit, SIZE, GRID)[outside].any()


@given(edit=edits())
@settings(max_examples=40, deadline=None)
def test_a_handle_goes_to_its_target_whatever_the_others_do(edit):
    field = dk.warp_field(edit, SIZE, SIZE)  # in every pixel, so that handles are centres of cells
    columns, rows = edit.handles.long().unbind(1)
    torch.testing.assert_close(
        field[rows, columns], edit.targets - edit.handles, atol=0.05, rtol=1e-3
    )


def test_around_a_single_handle_its_neighbours_come_along_and_the_rim_stays():
    edit = Edit([(33.5, 33.5)], [(45.5, 33.5)], box(0, 0, 15, 15))
    field = dk.warp_field(edit, SIZE, GRID)
    assert field[8, 8].tolist() == [12, 0]  # the cell that the handle is the centre of
    near = field[7:10, 7:10]
    assert (near[..., 0] > 0.8 * 12).all() and not near[..., 1].any()
    assert field[[0, 0, -1, -1], [0, -1, 0, -1], 0].max() < 1
    z = latent()
    assert torch.equal(dk.warp(z, edit)[:, 8, 11], z[:, 8, 8])  # 12 px are three cells


def test_the_first_of_those_that_meet_stays_and_who_leaves_the_mask_is_dropped():
    field = torch.zeros(1, 6, 2)
    field[0, :, 0] = torch.tensor([8.0, 4, 0, 4, 4, -99])  # 4 px to a cell
    free = torch.tensor([[True, True, True, True, False, True]])
    source, destination = warping._moves(field, free, (4, 24))
    assert dict(zip(destination.tolist(), source.tolist())) == {0: 5, 2: 0}


def test_without_a_mask_the_whole_image_may_move_if_its_size_is_said():
    edit = Edit([(30, 30)], [(40, 30)])
    freed = Edit([(30, 30)], [(40, 30)], torch.ones(SIZE))
    assert torch.equal(dk.warp(latent(), edit, SIZE), dk.warp(latent(), freed))
    with pytest.raises(ValueError, match="neither a size nor a mask.*size=model.size"):
        dk.warp(latent(), edit)


def test_images_need_not_be_square():
    z = torch.randn(2, 6, 12)
    edit = Edit([(50, 20)], [(66, 20)])
    field = dk.warp_field(edit, (48, 96), (6, 12))
    assert field.shape == (6, 12, 2) and dk.warp(z, edit, (48, 96)).shape == z.shape
    assert field[..., 0].max() <= 16 and field[..., 1].abs().max() == 0


@pytest.mark.parametrize(
    "given, words",
    [
        ({"latent": torch.zeros(18, 512)}, "only a map"),
        ({"latent": torch.zeros(3, 16, 16).long()}, "only a map"),
        ({"size": 64}, r"size is 64; give \(height, width\)"),
        ({"size": (64, 0)}, r"size is \(64, 0\)"),
        ({"size": (32, 32)}, "handle 0 at"),
        ({"edit": Edit([(2, 2)], [(5, 5)], box(8, 8, 14, 14))}, "handle 0 at.*outside the circle"),
        ({"edit": Edit([(9, 9)], [(5, 5)], (torch.rand(SIZE) < 0.01).float())}, "frees less than"),
    ],
)
def test_what_cannot_be_warped_is_told(given, words):
    call = {"latent": latent(), "edit": Edit([(50, 40)], [(60, 40)]), "size": SIZE} | given
    with pytest.raises(ValueError, match=words):
        dk.warp(**call)


def test_a_grid_that_is_none_is_told():
    with pytest.raises(ValueError, match=r"grid is 32; give \(rows, columns\)"):
        dk.warp_field(Edit([(5, 5)], [(9, 9)]), SIZE, 32)


def test_how_a_latent_lies_in_memory_does_not_matter():
    edit = Edit([(33, 33)], [(45, 20)], box(2, 2, 13, 13))
    lying = latent().permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert not lying.is_contiguous()
    assert torch.equal(dk.warp(lying, edit), dk.warp(latent(), edit))


def test_what_is_no_latent_or_edit_is_told():
    with pytest.raises(TypeError, match="latent is"):
        dk.warp([1, 2], Edit([(50, 40)], [(60, 40)]), SIZE)
    with pytest.raises(TypeError, match="edit is"):
        dk.warp(latent(), [(50, 40)], SIZE)


def test_the_field_is_drawn_as_arrows_as_long_as_the_motion():
    field = torch.zeros(4, 4, 2)
    field[1, 2] = torch.tensor([5.0, 0.0])
    quiver = dk.plot.field(torch.rand(3, 16, 16), field).axes[0].collections[0]
    assert quiver.get_offsets().tolist() == [[9.5, 5.5]] and quiver.U.tolist() == [5]
    with pytest.raises(ValueError, match=r"field has shape \(4, 4\)"):
        dk.plot.field(torch.rand(3, 16, 16), torch.zeros(4, 4))
