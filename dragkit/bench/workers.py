"""Worker processes for many drags.

They import what is here, so there is nothing that draws or makes tables: that would take each
worker a fifth of the time in which it gets ready.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def processes(count: int) -> Iterator[Executor]:
    """Worker processes, started afresh: torch's threads do not survive a fork.

    Ctrl-C ends them. They do not hear it themselves, because a worker that is interrupted while it
    waits for work leaves the others waiting for ever. When this process is killed, they end, too.
    """
    others = multiprocessing.active_children()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, initializer=_begin) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # another one would leave workers behind
            for worker in multiprocessing.active_children():
                if worker not in others:
                    worker.terminate()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise


def _begin() -> None:
    """Let this worker end with its parent, and not at Ctrl-C, which the parent hears."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the parent's end, which every system tells, and end at once.

    A parent that was killed cannot end its workers, and nothing else would: each holds both ends
    of the pipe from which it waits for work.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a drag in the main thread would outlive an exception here
