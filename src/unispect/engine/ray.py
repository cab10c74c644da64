"""Replicas in Ray's actors, on this machine or on a cluster (extra `[ray]`).

Ray places the actors, gives each its share of GPUs and tells when one died; what to do about it is decided by the pool.
Nothing of Ray is imported before a launcher is made. Ray's own token authentication is left as it is.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from unispect.core import extras
from unispect.core.errors import UnispectError, UsageError
from unispect.engine.faults import outcome
from unispect.engine.messages import Broken, Gone, Load, Reply, Task
from unispect.engine.replica import Replica


class Actors:
    """Starts replicas as actors.

    Args:
        load: makes the model of each; the machines of the actors must be able to import what it names.
        address: "local" starts Ray here; "auto" finds the cluster this machine belongs to; `ray://host:port` is a
            cluster elsewhere.
        gpus: of each actor, whole or a fraction.
        threads: CPU cores of each.

    Raises:
        UsageError: Ray is not installed, or this machine has no room for one such actor (a cluster may grow).
        UnispectError: there is no cluster at the address, or it does not let us in.
    """

    def __init__(self, load: Load, *, address: str = "local", gpus: float = 0.0, threads: int = 1) -> None:
        self._ray = _connected(address)
        self._load = load
        self._replica = self._ray.remote(Replica).options(num_cpus=threads, num_gpus=gpus, max_restarts=0)
        self._actors: dict[int, Any] = {}
        self._asked: dict[Any, int] = {}
        if address == "local":
            self._require_room({"CPU": threads, "GPU": gpus})

    def start(self, number: int) -> None:
        """See `Launcher`."""
        self._actors[number] = self._replica.remote()
        self._asked[self._actors[number].load.remote(self._load, number)] = number

    def send(self, number: int, task: Task) -> None:
        """See `Launcher`."""
        self._asked[self._actors[number].answer.remote(task)] = number

    def receive(self) -> list[tuple[int, Reply]]:
        """See `Launcher`."""
        answered, _ = self._ray.wait(list(self._asked), num_returns=1)
        answer = answered[0]
        number = self._asked.pop(answer)
        try:
            return [(number, self._ray.get(answer))]
        except self._ray.exceptions.RayTaskError as error:  # the actor lives, but neither answers nor says why
            return [(number, Broken(f"an actor failed: {outcome(error)[1]}"))]
        except self._ray.exceptions.RayError as error:
            self._forget(number)
            return [(number, Gone(f"as Ray says: {type(error).__name__}"))]

    def _forget(self, number: int) -> None:
        self._ray.kill(self._actors.pop(number))
        self._asked = {answer: whose for answer, whose in self._asked.items() if whose != number}

    def close(self) -> None:
        """See `Launcher`; also leaves the cluster, and ends one that was started here."""
        for number in list(self._actors):
            self._forget(number)
        self._ray.shutdown()

    def _require_room(self, each: dict[str, float]) -> None:
        there = self._ray.cluster_resources()
        for what, wanted in each.items():
            if wanted > there.get(what, 0.0):
                self.close()
                raise UsageError(f"a replica wants {wanted:g} {what}, this machine has {there.get(what, 0.0):g}")


def _connected(address: str) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with extras.told():
        import ray
    how: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **how)
    except Exception as error:
        raise UnispectError(f"no Ray cluster at {address!r}: {outcome(error)[1]}") from error
    return ray
