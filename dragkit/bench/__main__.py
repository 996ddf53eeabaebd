"""The command line of all benchmarks: ``python -m dragkit.bench NAME``.

OpenMP's threads should wait asleep (OMP_WAIT_POLICY=PASSIVE): spinning, they make torch three
times slower on few cores. That is read when torch is loaded, which in this process has happened
already, so it is set here for the worker processes, which do all the measuring.
"""

from __future__ import annotations

import os
from argparse import Action, ArgumentDefaultsHelpFormatter, ArgumentParser
from collections.abc import Sequence

from .studies import (
    cars,
    chins,
    diffusion,
    dragbench,
    families,
    figures,
    gate,
    line_search,
    methods,
    metrics,
    recorded,
    speed,
    stabledrag,
    timesteps,
    tracking,
    warp,
    world_benchmarks,
)
from .study import Command

COMMANDS: dict[str, Command] = {
    "stabledrag": stabledrag.STUDY,
    "cars": cars.STUDY,
    "families": families.STUDY,
    "methods": methods.STUDY,
    "line_search": line_search.STUDY,
    "tracking": tracking.STUDY,
    "diffusion": diffusion.STUDY,
    "timesteps": timesteps.STUDY,
    "chins": chins.STUDY,
    "gate": gate.STUDY,
    "speed": speed.SCRIPT,
    "warp": warp.STUDY,
    "metrics": metrics.STUDY,
    "metrics_cars": metrics.CAR_STUDY,
    "dragbench": dragbench.SCRIPT,
    "lionbench": world_benchmarks.script("lion"),
    "carbench": world_benchmarks.script("car"),
    "recorded": recorded.SCRIPT,
    "figures": figures.SCRIPT,
}


class KnownDefaults(ArgumentDefaultsHelpFormatter):
    """Help that prints every default except None and False, which the help text explains."""

    def _get_help_string(self, action: Action) -> str | None:
        if action.default is None or action.default is False:
            return action.help
        return super()._get_help_string(action)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that `arguments` name (those of this process by default)."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    parser = ArgumentParser(prog="python -m dragkit.bench", description="Measure dragkit.")
    names = parser.add_subparsers(dest="name", metavar="NAME")
    for name, command in COMMANDS.items():
        added = names.add_parser(
            name,
            help=command.title,
            description=command.title,
            formatter_class=KnownDefaults,
        )
        command.add_arguments(added, name)

    options = parser.parse_args(arguments)
    if options.name is None:
        parser.print_help()
        return
    COMMANDS[options.name].run(options)


if __name__ == "__main__":
    main()
