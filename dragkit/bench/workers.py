"""Worker processes for many drags.

They import what is here, so there is nothing that draws or makes tables: that would take each
worker a fifth of the time in which it gets ready.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Worker processes, started afresh: torch's threads do not survive a fork.

    Ctrl-C ends them. They do not hear it themselves, because a worker that is interrupted while it
    waits for work leaves the others waiting for ever.
    """
    others = multiprocessing.active_children()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, initializer=_ignore_interrupts) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # another one would leave workers behind
            for worker in multiprocessing.active_children():
                if worker not in others:
                    worker.terminate()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
