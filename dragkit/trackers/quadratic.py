"""The error of a linear filter, as the quadratic function that it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class QuadraticError:
    """The mean squared error of a filter as a quadratic, z·Gz - 2 b·z + s, with the ridge in G.

    It is 1/K Σ (z·F - y)² + μ ‖z‖², expanded: G = 1/K Σ F Fᵀ + μ I, b = 1/K Σ y F, s = 1/K Σ y².
    However many examples there are, it takes c² numbers per handle.

    Attributes:
        gram: (n c c) G.
        product: (n c) b.
        constant: (n) s.
    """

    gram: Tensor
    product: Tensor
    constant: Tensor

    @classmethod
    def of(cls, features: Tensor, labels: Tensor, weights: Tensor, ridge: float) -> QuadraticError:
        """The error on features (m K c) with labels (n K) and weights (m K)."""
        n, c = len(labels), features.shape[-1]
        gram = (features * weights[..., None]).mT @ features
        product = (weights * labels)[:, None] @ features.expand(n, -1, -1)
        constant = (weights * labels.square()).sum(1)

        gram = gram.expand(n, -1, -1) + ridge * torch.eye(c).to(gram)
        return cls(gram, product[:, 0], constant)

    def of_filters(self, z: Tensor) -> Tensor:
        """The error (i n) of filters (i n c)."""
        quadratic = torch.einsum("inc,ncd,ind->in", z, self.gram, z)
        linear = (z * self.product).sum(-1)
        error: Tensor = quadratic - 2 * linear + self.constant
        return error

    def gradient(self, z: Tensor) -> Tensor:
        """The gradient (n c) at filters (n c)."""
        gradient: Tensor = 2 * (torch.einsum("ncd,nd->nc", self.gram, z) - self.product)
        return gradient

    def minimum(self) -> Tensor:
        """The filters (n c) with the smallest error."""
        minimum: Tensor = torch.linalg.solve(self.gram, self.product)
        return minimum
