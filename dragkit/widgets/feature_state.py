"""Which features are looked at, and how similar they are. It knows no widgets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from PIL import Image

from ..arguments import instance
from ..compose import Palette, draw_overlay, map_image, read_feature, similarity_map
from ..compose.features import Measure
from ..models.protocols import Model, check_model
from ..records import Size
from ..runs.same_model import model_of_run
from ..runs.trace import Trace, position_in


class FeatureState:
    """A step of a run, a layer, a place in it, and the feature that others are compared with.

    Args:
        models: by the name of the layer that they read; they view the recorded latents again.
        trace: a run from its start.

    Attributes:
        at: the position of the step.
        layer: the name of the layer.
        place: (x, y) in pixels of the image.
        handle: whose template the features are compared with; None for the feature at `place`.
        across: whether that feature is the first step's: then image and colours show the first
            step, and the similarity shows where its content is in the step at `at`.
        measure: how they are compared.
        palette: the layer's colours, fixed by the first step.
        templates: the layer's feature (c) at each handle of the first step.

    Raises:
        TypeError: a model or the trace is something else.
        ValueError: there is no model, or the trace is empty, does not begin at step 0, or is
            another model's.
    """

    def __init__(self, models: Mapping[str, Model], trace: Trace) -> None:
        _check_models(models)
        instance("trace", trace, Trace, "a Trace, such as dragkit.Trace(dragkit.drag(…))")
        if not len(trace):
            raise ValueError("the trace is empty; run a step first")
        if trace[0].index:
            raise ValueError(
                "Features needs a run from its start: templates are read at step 0, this trace"
                f" begins at step {trace[0].index}"
            )
        self.models = {name: model_of_run(model, trace) for name, model in models.items()}
        self.trace = trace
        self.at = 0
        self.place = trace[0].points[0].numpy()
        self.handle: int | None = None
        self.across = False
        self.measure: Measure = "cosine"
        self._cached = lru_cache(maxsize=8)(self._view)
        self.choose_layer(next(iter(models)))

    @property
    def image_size(self) -> Size:
        """(height, width) of the images in pixels."""
        height, width = self.trace[0].image.shape[:2]
        return height, width

    @property
    def similarity(self) -> np.ndarray:
        """(h w) how similar each cell of the features is to the chosen one."""
        return similarity_map(self.features(self.at), self._wanted(), self.measure)

    @property
    def similarity_here(self) -> float:
        """The same at the place itself."""
        here = self._feature_here(self.at)[:, None, None]
        return similarity_map(here, self._wanted(), self.measure).item()

    @property
    def source(self) -> int:
        """The position of the step in which the place is."""
        return 0 if self.across else self.at

    def seek(self, position: int) -> None:
        """Choose the step at a position; negative ones count from the end."""
        self.at = position_in(self.trace, position)

    def choose_layer(self, name: str) -> None:
        """Read another layer: its colours and templates are those of the first step."""
        self.layer = name
        features = self.features(0)
        self.palette = Palette.of(features)
        self.templates = [
            read_feature(features, handle, self.image_size)
            for handle in self.trace[0].edit.handles.numpy()
        ]

    def move_to(self, x: float, y: float) -> None:
        """Choose a place: the nearest whole pixel."""
        height, width = self.image_size
        self.place = np.clip([round(x), round(y)], 0, [width - 1, height - 1]).astype(float)

    def features(self, position: int) -> np.ndarray:
        """The layer's features (c h w) of the step at a position."""
        return self._cached(self.layer, position)

    def images(self, size: int) -> list[Image.Image]:
        """The step, its features as colours, and the similarity; `size` pixels high."""
        frame = self.trace[self.source]
        step = draw_overlay(
            frame.image,
            frame.points.numpy(),
            frame.edit.targets.numpy(),
            cursor=(*self.place, 3),
            size=size,
        )
        colours = self.palette.colours(self.features(self.source))
        maps = (colours, self.similarity)
        return [step, *(map_image(cells, size, self.place, self.image_size) for cells in maps)]

    def _view(self, layer: str, position: int) -> np.ndarray:
        model = self.models[layer]
        view = model.view(self.trace[position].latent.to(model.device))
        if not view.features.isfinite().all():
            raise ValueError(
                f"the features of step {self.trace[position].index} hold NaN or infinity, which"
                " have no colours; check the model's view"
            )
        return view.features.detach().cpu().numpy()

    def _feature_here(self, position: int) -> np.ndarray:
        return read_feature(self.features(position), self.place, self.image_size)

    def _wanted(self) -> np.ndarray:
        """The feature f (c) that the others are compared with."""
        if self.handle is None:
            return self._feature_here(self.source)
        return self.templates[self.handle]


def _check_models(models: Mapping[str, Model]) -> None:
    if not models:
        raise ValueError(
            'there is no model; give one, or several by name, such as {"block 32": model}'
        )
    for name, model in models.items():
        instance("a layer's name", name, str, "a text")
        check_model(model)
