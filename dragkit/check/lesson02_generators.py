"""Lesson 2: a generator of two blobs, and what can be done with w."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from torch import Tensor

from .cases import Case, Cases, chance, integer, uniform
from .comparison import Values
from .drawings import bars_of, heat
from .exercise import Exercise
from .mistakes import Answer, mistakes_of


def _view(latent: Tensor, signatures: Tensor, cells: int, width: float) -> Tensor:
    places = torch.arange(cells)
    x = latent[:, :1, None]
    y = latent[:, 1:, None]

    squares = (places - x) ** 2 + (places[:, None] - y) ** 2  # (n h w)
    brightness = torch.exp(-squares / (2 * width**2))
    return torch.einsum("nyx,nc->cyx", brightness, signatures)


def _draw_scene(random: torch.Generator) -> Case:
    """Two blobs inside the map, with signatures of a few channels."""
    channels = integer(random, 1, 5)
    cells = integer(random, 14, 18)

    centres = uniform(random, 2, cells - 3, 2, 2)
    signatures = torch.randn(2, channels, generator=random)
    width = round(float(uniform(random, 1.5, 4, 1)), 2)
    return centres, signatures, cells, width


def _properties_of_scene(case: Case) -> dict[str, bool]:
    centres, signatures, _, width = case
    between = float((centres[0] - centres[1]).norm())
    beside_the_diagonal = (centres[:, 0] - centres[:, 1]).abs()
    return {
        "the blobs overlap": between < 1.5 * width,
        "they are far from each other": between > 4 * width,
        "both are off the diagonal": bool((beside_the_diagonal > 2).all()),
        "there is one channel": signatures.shape[1] == 1,
        "there are more channels than blobs": signatures.shape[1] > 2,
    }


def _map_and_gradient(function: Answer, case: Case) -> Values:
    """The features, and how a sum of them depends on the latent: a drag needs both."""
    latent = case[0].clone().requires_grad_()
    features = function(latent, *case[1:])
    if not isinstance(features, Tensor):
        kind = type(features).__name__
        return {"answer": f"It returns a {kind}; return one tensor (c cells cells)."}

    gradient = torch.zeros_like(latent)
    if features.requires_grad:
        weights = torch.linspace(-1, 1, features.numel()).view(features.shape)
        (gradient,) = torch.autograd.grad((weights * features).sum(), latent)
    return {"answer": "a tensor", "feature map": features.detach(), "gradient": gradient}


def _draw_channel(axes: Axes, case: Case, values: Values) -> None:
    heat(axes, case, values["feature map"][0])


SQUARES = "squares = (places - x) ** 2 + (places[:, None] - y) ** 2  # (n h w)"
BRIGHTNESS = "brightness = torch.exp(-squares / (2 * width**2))"
PAINTED = 'return torch.einsum("nyx,nc->cyx", brightness, signatures)'

view = Exercise(
    "view",
    "view(latent, signatures, cells, width): features (c cells cells) of blobs at latent (n 2),"
    " centres (x, y) in cells, with signatures (n c): F(q) = sum over i of exp(-|q - c_i|^2 / (2"
    " width^2)) s_i. Gradients must reach the latent.",
    _view,
    Cases(_draw_scene, _properties_of_scene, count=8, seed=2),
    mistakes_of(
        _view,
        {
            "x and y are swapped: the map's rows are y.": (
                SQUARES,
                "squares = (places[:, None] - x) ** 2 + (places - y) ** 2",
            ),
            "The 2 is missing: the square is divided by 2 σ².": (
                BRIGHTNESS,
                "brightness = torch.exp(-squares / width**2)",
            ),
            "The minus is missing: a blob fades with the distance from its centre.": (
                BRIGHTNESS,
                "brightness = torch.exp(squares / (2 * width**2))",
            ),
            "σ is not squared.": (BRIGHTNESS, "brightness = torch.exp(-squares / (2 * width))"),
            "The distance is not squared.": (
                BRIGHTNESS,
                "brightness = torch.exp(-(squares + 1e-12).sqrt() / (2 * width**2))",
            ),
            "The blobs add up: both shine in every cell; take the sum over them, not the larger"
            " one alone.": (
                PAINTED,
                "painted = brightness[:, None] * signatures[:, :, None, None]\n"
                "larger = painted.norm(dim=1, keepdim=True).argmax(0, keepdim=True)\n"
                "return painted.gather(0, larger.expand_as(painted[:1]))[0]",
            ),
            "The blobs add up: both shine in every cell; take the sum, not the larger number"
            " (max).": (
                PAINTED,
                "return (brightness[:, None] * signatures[:, :, None, None]).amax(0)",
            ),
            "The signatures are missing: every channel is painted in its own strength.": (
                PAINTED,
                "return brightness.sum(0).expand(signatures.shape[1], -1, -1)",
            ),
            "Do not normalise: at a blob's centre exp(0) = 1.": (
                BRIGHTNESS,
                f"{BRIGHTNESS}\nbrightness = brightness / (2 * torch.pi * width**2)",
            ),
            "The features are right, but no gradient reaches the latent (because of a detach, an"
            " item() or a new tensor): nobody could drag it.": (
                "x = latent[:, :1, None]",
                "latent = latent.detach()\nx = latent[:, :1, None]",
            ),
        },
    ),
    draw=_draw_channel,
    run=_map_and_gradient,
    whole=True,
)


def _mix(a: Tensor, b: Tensor, rows: int) -> Tensor:
    first = a[:rows]
    others = b[rows:]
    return torch.cat([first, others])


def _draw_styles(random: torch.Generator) -> Case:
    """Two latents w+, and how many rows are to be the first one's, none and all included."""
    width = integer(random, 3, 8)
    a, b = torch.randn(2, 12, width, generator=random)
    return a, b, integer(random, 0, 12)


def _properties_of_styles(case: Case) -> dict[str, bool]:
    a, _, rows = case
    return {
        "no row is a's": rows == 0,
        "all rows are a's": rows == 12,
        "there are as many columns as a's rows, and more": 0 < rows < a.shape[1],
        "fewer than half of the rows are a's": 0 < rows < 6,
        "more than half of them are": 6 < rows < 12,
    }


def _draw_rows(axes: Axes, case: Case, value: Tensor) -> None:
    heat(axes, case, value)
    axes.set(xlabel="number of w", ylabel="row of w+")


JOINED = "return torch.cat([first, others])"

mix = Exercise(
    "mix",
    "mix(a, b, rows): the latent w+ (12 d) whose first `rows` rows are a's and whose others are"
    " b's.",
    _mix,
    Cases(_draw_styles, _properties_of_styles, seed=8),
    mistakes_of(
        _mix,
        {
            "a and b are swapped: the first rows are a's.": (
                JOINED,
                "return torch.cat([b[:rows], a[rows:]])",
            ),
            "One row too many is a's: a slice :rows has just `rows` of them.": (
                "first = a[:rows]",
                "rows = rows + 1\nfirst = a[:rows]",
            ),
            "The last rows are b's own, from `rows` on, not b from its beginning.": (
                "others = b[rows:]",
                "others = b[: len(b) - rows]",
            ),
            "Those are columns; a row of w+ is one layer's style.": (
                JOINED,
                "return torch.cat([a[:, :rows], b[:, rows:]], 1)",
            ),
            "That blends all rows; here each row is a's or b's.": (JOINED, "return (a + b) / 2"),
        },
    ),
    draw=_draw_rows,
)


def _truncate(w: Tensor, average: Tensor, psi: float) -> Tensor:
    difference = w - average
    return average + psi * difference


def _draw_truncation(random: torch.Generator) -> Case:
    """A latent w, the average w, and a psi between 0 and 2."""
    w, average = torch.randn(2, integer(random, 6, 12), generator=random)
    psi = round(float(uniform(random, 0, 2, 1)), 2)
    if chance(random, 0.3):
        psi = float(integer(random, 0, 1))
    return w, average, psi


def _properties_of_truncation(case: Case) -> dict[str, bool]:
    _, _, psi = case
    return {
        "psi is 0": psi == 0,
        "psi is 1": psi == 1,
        "psi is between 0 and 1/2": 0 < psi < 0.4,
        "psi is between 1/2 and 1": 0.6 < psi < 1,
        "psi is above 1": psi > 1.2,
    }


def _psi_in_words(case: Case) -> str:
    return f"psi = {case[2]:g}"


MOVED = "return average + psi * difference"

truncate = Exercise(
    "truncate",
    "truncate(w, average, psi): w moved toward the average w, so that the fraction psi of the"
    " difference remains: psi = 1 leaves w as it is, psi = 0 is the average.",
    _truncate,
    Cases(_draw_truncation, _properties_of_truncation, seed=2),
    mistakes_of(
        _truncate,
        {
            "psi is reversed: 1 must leave w as it is.": (
                MOVED,
                "return average + (1 - psi) * difference",
            ),
            "That shrinks toward zero; the middle of all w is their average.": (
                MOVED,
                "return psi * w",
            ),
            "The average must be added again.": (MOVED, "return psi * difference"),
            "That is the average and psi times w: it should be psi times the difference w -"
            " average.": (MOVED, "return average + psi * w"),
            "psi may be above 1 as well: then w moves away from the average.": (
                MOVED,
                "return average + min(psi, 1) * difference",
            ),
            "Truncation shortens the difference from the average; it does not clip single"
            " numbers.": (MOVED, "return average + difference.clamp(-psi, psi)"),
        },
    ),
    draw=bars_of("number of w", "value"),
    describe=_psi_in_words,
)
