"""What one file may ask for: a few bytes can name the same thing a thousand times.

A file is small, but what it describes need not be. So everything that is made, copied, scanned or
walked through because a file says so is counted before it is done, and the limits are several
times what the largest public file needs.
"""

from __future__ import annotations

import time

LIMITS = {
    # opcodes, and the members of what they name; 60,000 in a 1024-px file of three networks
    "opcodes and items": 500_000,
    "bytes of text": 32 << 20,  # a class's source, which NVIDIA's files carry, has 0.1 MB
    "networks": 100,
    "entries": 10_000,  # files of an archive, or tensors of safetensors
    "bytes of storages": 400_000_000,  # that the generator's tensors are in
    "numbers": 50_000_000,  # of the generator; one of 1024 px has 33 million
    "random numbers": 25_000_000,  # for w's average: z and w of 512, 10,000 times, are 10 million
    "multiplications": 40_000_000_000,  # for w's average, where eight layers of 512 take half
}
SECONDS = 2.0  # of computing; the largest public files take a tenth
PATIENCE = 64  # small requests between two looks at the clock, which would otherwise cost more


class CheckpointError(ValueError):
    """A file that cannot be read, or is refused; the message says what was found."""


class Budget:
    """What has been spent on one file, shared by all that is nested in it.

    The clock is the thread's own: it stands still while a slow disk is waited for, and while other
    programs run, so an honest file is not refused because a computer is busy.
    """

    def __init__(self) -> None:
        self.spent = dict.fromkeys(LIMITS, 0)
        self.requests = 0
        self.start = time.thread_time()

    def spend(self, kind: str, amount: int = 1) -> None:
        """Count `amount` of one of the kinds in LIMITS, before it is made.

        Raises:
            CheckpointError: it is more than the limit, or the time is up.
        """
        spent = self.spent[kind] + amount
        self.spent[kind] = spent
        if spent > LIMITS[kind]:
            raise CheckpointError(
                f"it asks for {spent} {kind}; one file may ask for {LIMITS[kind]}, and no"
                " generator needs as many"
            )
        self.requests += 1
        if amount > PATIENCE or self.requests % PATIENCE == 0:
            self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        seconds = time.thread_time() - self.start
        if seconds > SECONDS:
            raise CheckpointError(
                f"it has taken {seconds:.1f} s of computing; one file may take {SECONDS:g} s, and"
                " no generator needs as many"
            )
