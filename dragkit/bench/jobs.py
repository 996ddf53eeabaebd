"""Many jobs, each result on disk the moment it is known, so that a killed run can be resumed.

A job is a function with its arguments, a key that tells it from the others, and settings that say
what its result depends on. The file of results (.jsonl) holds one JSON object per finished job:
its key, what the function returned, and ``settings``.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from ..arguments import function, instance, named_arguments, path, shown
from ..reading import check_text, parse_json
from .results_file import Result, open_results


@named_arguments
@dataclass(frozen=True, eq=False)
class Job:
    """One piece of work, as it travels to a worker: ``work(*arguments)`` returns its results.

    Attributes:
        key: what it is filed under, plain values: ``{"task": "lion 3", "method": "DragGAN"}``.
        settings: what the results depend on, as texts (:func:`dragkit.bench.settings.describe`).
        work: it returns plain values by name; for worker processes, a function of a module.
        arguments: what it is called with.

    Raises:
        TypeError: one of these is something else.
        ValueError: the key is empty, or a part of it or of the settings cannot be found again in a
            file, as NaN cannot, which equals nothing.
    """

    key: Mapping[str, Any]
    settings: Mapping[str, str]
    work: Callable[..., Mapping[str, Any]]
    arguments: tuple[Any, ...]
    parent: int = field(default_factory=os.getpid)

    def __post_init__(self) -> None:
        instance("key", self.key, Mapping, 'plain values by name, such as {"task": "lion 3"}')
        instance("settings", self.settings, Mapping, "texts by name, such as describe returns")
        function("work", self.work, "a function of a module")
        instance("arguments", self.arguments, tuple, "a tuple, such as (task,)")
        _check_key(self.key)
        _check_plain("settings", self.settings)

    def __str__(self) -> str:
        return ", ".join(f"{name} {value!r}" for name, value in self.key.items())

    def run(self) -> Result:
        """Do the work, here or in a worker process; what it raises names the job."""
        if os.getpid() != self.parent:
            torch.set_num_threads(1)  # the workers share the cores already
        try:
            found = self.work(*self.arguments)
        except Exception as error:
            error.add_note(f"({self})")
            raise
        instance(f"what the work of ({self}) returned", found, Mapping, "plain values by name")
        taken = found.keys() & {*self.key, "settings"}
        if taken:
            raise ValueError(
                f"the work of ({self}) returned {min(taken)!r}, which its result is filed under;"
                " call it something else"
            )
        return {**self.key, **found, "settings": self.settings}


@named_arguments
def run_jobs(
    jobs: Sequence[Job], out: str | Path, executor: Executor | None = None, unit: str = "job"
) -> list[Result]:
    """The results of `jobs`, in their order: those in `out`, and the others made and added to it.

    Each result is written when it is finished, so nothing is lost when the run is killed, and
    nothing is there twice. Ctrl-C saves what is finished and cancels the rest.

    Args:
        jobs: no two with the same key.
        out: the file of results (.jsonl); it may hold those of other jobs too.
        executor: who does the work; ``None`` = this process, one by one.
        unit: what the progress bar counts.

    Raises:
        TypeError: an argument is something else, or a job cannot travel to a worker process.
        ValueError: two jobs have one key, or keys of other names; `out` is damaged, or holds a
            result of a job that had other settings.
        BlockingIOError: another run is writing `out`; the message names its process.
        OSError: `out` cannot be written.
    """
    out = path("out", out)
    instance("jobs", jobs, Sequence, "a list of Job")
    instance("unit", unit, str, 'a text, such as "drag"')
    way_out = "an Executor of concurrent.futures, or None to work in this process"
    instance("executor", executor, (Executor, type(None)), way_out)
    asked, names = _by_key(jobs)
    with open_results(out, names) as file:
        done = {_key(result, names): result for result in file.results}
        for key in asked.keys() & done.keys():
            _check_settings(out, done[key], asked[key])
        missing = [job for key, job in asked.items() if key not in done]

        made = len(jobs) - len(missing)
        with tqdm(total=len(jobs), initial=made, unit=unit) as bar:

            def save(result: Result) -> None:
                key = _key(result, names)
                if key not in done:
                    file.append(result)
                    done[key] = result
                    bar.update()

            _work(missing, executor, save)
    return [done[key] for key in asked]


def _by_key(jobs: Sequence[Job]) -> tuple[dict[str, Job], list[str]]:
    """The jobs by their key, and the names that all keys have."""
    found: dict[str, Job] = {}
    names: list[str] = []
    for number, job in enumerate(jobs):
        instance(f"jobs[{number}]", job, Job, "a Job")
        names = names or list(job.key)
        if list(job.key) != names:
            raise ValueError(
                f"the key of ({job}) should have the names {', '.join(map(str, names))}"
            )
        key = _key(job.key, names)
        if key in found:
            raise ValueError(f"two jobs have the key ({job}); results are filed by it")
        found[key] = job
    return found, names


def _check_key(key: Mapping[str, Any]) -> None:
    _check_plain("key", key)
    blank = [value for value in key.values() if isinstance(value, str) and not value.strip()]
    if not key or blank or "settings" in key:
        raise ValueError(
            f"key is {shown(key)}; results are filed by it, so give it at least one value, none of"
            ' them empty, under other names than "settings", such as {"task": "lion 3"}'
        )


def _check_plain(thing: str, values: Mapping[str, Any]) -> None:
    """Raise ValueError unless JSON holds `values` as they are."""
    for name in values:
        check_text(name, f"a name of the {thing}")
    try:
        parse_json(json.dumps(dict(values)).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{thing} is {shown(values)}; give texts, finite numbers, and lists and dicts of them"
        ) from error


def _check_travels(job: Job) -> None:
    """Raise TypeError if a job cannot be sent to another process."""
    try:
        pickle.dumps(job)
    except Exception as error:  # whatever it holds may refuse in its own way
        raise TypeError(
            f"the job ({job}) with the work {shown(job.work)} cannot be sent to a worker process;"
            " give a function of a module, no lambda and none that is made inside another, and"
            " such arguments; or work in this process, with executor=None"
        ) from error


def _key(values: Mapping[str, Any], names: Sequence[str]) -> str:
    return json.dumps([values[name] for name in names])


def _check_settings(out: Path, result: Result, job: Job) -> None:
    """Raise ValueError if the result in `out` was made with other settings."""
    then = result["settings"]
    for name, now in job.settings.items():
        if then.get(name) != now:
            raise ValueError(
                f"{out} holds a result of {job} with other settings: {name} was"
                f" {then.get(name)}, now it is {now}; choose another file, or another name for"
                " what has changed"
            )


def _work(jobs: list[Job], executor: Executor | None, save: Callable[[Result], None]) -> None:
    """Do the jobs here or elsewhere; when interrupted, save what is finished, cancel the rest."""
    if executor is None:
        for job in jobs:
            save(job.run())
        return

    if isinstance(executor, ProcessPoolExecutor):  # others may send more
        for job in jobs:
            _check_travels(job)
    futures = [executor.submit(job.run) for job in jobs]
    try:
        for future in as_completed(futures):
            save(future.result())
    except BaseException:
        for future in futures:
            if not future.cancel() and future.done() and not future.exception():
                save(future.result())
        raise
