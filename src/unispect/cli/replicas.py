"""What `run` is told about where the model runs: in this process, or several times in others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from unispect.engine.replicas import Replicas

GROUP = Group("Several processes or machines", sort_key=1)


def _told(text: str) -> Parameter:
    return Parameter(help=text, group=GROUP)


@Parameter(name="*", group=GROUP)
@dataclass(frozen=True)
class ReplicasTyped(Replicas):
    """How many processes hold the model, and who starts them, as typed."""

    workers: Annotated[
        int,
        _told(
            "Processes of this machine that each hold the model and share the units; 1 is this process alone. "
            "Each takes its share of the cores, and a GPU of its own if there are several. Changes no result."
        ),
    ] = 1
    engine: Annotated[
        Literal["local", "ray"], _told("Who starts the processes: this command, or Ray (pip install 'unispect[ray]').")
    ] = "local"
    replicas: Annotated[int, _told("With --engine ray: how often the model is held.")] = 1
    gpus_per_replica: Annotated[
        float,
        _told(
            "With --engine ray: 1, a fraction where several models share a GPU, or 2 and more to spread a model that "
            "one GPU does not hold; 0 for the CPU."
        ),
    ] = 0.0
    cpus_per_replica: Annotated[int, _told("With --engine ray: cores, and threads, of each.")] = 1
    address: Annotated[
        str,
        _told("With --engine ray: local (start Ray here), auto (the cluster of this machine) or ray://HOST:PORT."),
    ] = "local"
