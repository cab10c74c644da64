"""What `run` is told about where the model runs: in this process, or several times in others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from unispect.core.errors import UsageError

if TYPE_CHECKING:
    from unispect.engine.crew import Crew
    from unispect.models.base import UnifiedModel
    from unispect.models.registry import ModelReference

GROUP = Group("Several processes", sort_key=1)


@Parameter(name="*", group=GROUP)
@dataclass(frozen=True)
class Replicas:
    """How many processes hold the model, as typed."""

    workers: Annotated[
        int,
        Parameter(
            help="Processes of this machine that each hold the model and share the units; 1 is this process alone. "
            "Each takes its share of the cores, and a GPU of its own if there are several. Changes no result.",
            group=GROUP,
        ),
    ] = 1

    @property
    def several(self) -> bool:
        """The model is held by other processes than this one."""
        return self.workers > 1

    @property
    def words(self) -> str:
        """How many hold the model, behind where it runs."""
        return f", {self.workers} workers" if self.several else ""

    @property
    def settings(self) -> Mapping[str, str]:
        """For the notes of the run."""
        return {"workers": str(self.workers)} if self.several else {}

    def require_sense(self, behind_api: int) -> None:
        """Returns if that many models behind an API can be run so.

        Raises:
            UsageError: fewer than one worker, or several for a model behind an API.
        """
        if self.workers < 1:
            raise UsageError(f"--workers must be at least 1, not {self.workers}")
        if self.several and behind_api:
            raise UsageError("models behind an API are asked by one process; say --concurrency instead of --workers")

    def crew(self, model: ModelReference, device: str, dtype: str) -> Crew:
        """The processes that hold the model; they are started when there is work."""
        import torch

        from unispect.engine.crew import Crew
        from unispect.engine.processes import Processes

        threads = max(1, torch.get_num_threads() // self.workers)
        return Crew(
            Processes(partial(load_replica, model.name, model.weights, device, dtype, threads)),
            self.workers,
        )


def load_replica(name: str, weights: str, device: str, dtype: str, threads: int, number: int) -> UnifiedModel:
    """The model for the process of that number, on a GPU of its own if there are several and none was named.

    Raises:
        UsageError: unknown model, device or dtype, or no such folder.
        CheckpointError: the weights cannot be loaded as this model.
    """
    import torch

    from unispect.models.registry import load

    torch.set_num_threads(threads)
    if device in ("auto", "cuda") and torch.cuda.device_count() > 1:
        device = f"cuda:{number % torch.cuda.device_count()}"
    return load(name, weights or None, device, dtype)
