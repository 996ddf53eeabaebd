"""Opens files with dragkit, each in a process of its own, and prints what each of them cost.

``python -m tests.measured FILE…`` prints a line of JSON for each: the error, its message, the
seconds of computing and the megabytes at the peak above those before.
"""

import json
import os
import resource
import sys
import tempfile
from pathlib import Path

import safetensors  # noqa: F401  # what is imported once is not part of a file's cost
import torch

import dragkit as dk
from tests.checkpoint_files import network, rosinality

UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in `ru_maxrss`'s unit


def main() -> None:
    # a forked process must not wait for threads that it does not have
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warm.pt"
        torch.save({"g_ema": dict(rosinality(network(8)))}, path)
        dk.convert(path, path.with_suffix(".safetensors"))
        dk.load(path.with_suffix(".safetensors"))
    for file in sys.argv[1:]:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            print(json.dumps(cost(Path(file))), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


def cost(path: Path) -> dict:
    """What opening one file costs this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    error, message = None, ""
    try:
        dk.load(path)
    except BaseException as caught:
        error, message = type(caught).__name__, str(caught)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "error": error,
        "message": message,
        "seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "megabytes": (after.ru_maxrss - before.ru_maxrss) * UNIT / 1e6,
    }


if __name__ == "__main__":
    main()
