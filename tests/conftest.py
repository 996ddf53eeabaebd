"""What every test stands on: quiet threads, the same random numbers, no stopwatch in
hypothesis.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch is imported

import random

import hypothesis
import numpy as np
import pytest
import torch

# small tensors: threads that wait for a busy core cost more than they bring
torch.set_num_threads(1)

hypothesis.settings.register_profile("dragkit", deadline=None, derandomize=True)
hypothesis.settings.load_profile("dragkit")


@pytest.fixture(autouse=True)
def seed() -> int:
    """Seed every generator before each test, so that a failure comes back when it is re-run; undo
    what a trainer sets.
    """
    torch.set_flush_denormal(False)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    return 0
