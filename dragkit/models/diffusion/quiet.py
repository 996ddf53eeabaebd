"""diffusers and transformers, kept from printing while they open files for us.

They advise with options of scripts that nobody here has called, and draw a bar for each part. What
goes wrong they still raise, and what people should know is said by dragkit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """While this lasts, both libraries print errors alone and no bars; afterwards as before."""
    import diffusers
    import transformers

    loggers: list[Any] = [diffusers.utils.logging, transformers.utils.logging]
    before = [(log, log.get_verbosity(), log.is_progress_bar_enabled()) for log in loggers]
    for log in loggers:
        log.set_verbosity_error()
        log.disable_progress_bar()
    try:
        yield
    finally:
        for log, verbosity, bars in before:
            log.set_verbosity(verbosity)
            if bars:
                log.enable_progress_bar()
