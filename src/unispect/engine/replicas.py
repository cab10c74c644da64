"""How many processes hold a model, and who starts them: none but this one, workers of this machine, actors of Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Literal

from unispect.core.errors import UsageError

if TYPE_CHECKING:
    from unispect.engine.messages import Load
    from unispect.engine.pool import WorkerPool
    from unispect.models.base import UnifiedModel
    from unispect.models.named_adapters import Adapter
    from unispect.models.registry import ModelReference


@dataclass(frozen=True)
class Replicas:
    """Where a model is held; changes no record (docs/scale.md says what of records a batch can change).

    Attributes:
        workers: processes of this machine that each hold the model and share the units; 1 is this process alone. Each
            takes its share of the cores, and a GPU of its own if there are several.
        engine: who starts the processes: this one ("local"), or Ray, to which all that follows is told.
        replicas: how often the model is held.
        gpus_per_replica: 1, a fraction where several models share a GPU, or 2 and more to spread a model that one GPU
            does not hold; 0 for the CPU.
        cpus_per_replica: cores, and threads, of each.
        address: "local" (start Ray here), "auto" (the cluster of this machine) or "ray://HOST:PORT".
    """

    workers: int = 1
    engine: Literal["local", "ray"] = "local"
    replicas: int = 1
    gpus_per_replica: float = 0.0
    cpus_per_replica: int = 1
    address: str = "local"

    @property
    def several(self) -> bool:
        """The model is held by other processes than this one."""
        return self.workers > 1 or self.engine == "ray"

    @property
    def words(self) -> str:
        """How many hold the model, behind where it runs."""
        return "".join(f", {value} {name}" for name, value in self.settings.items())

    @property
    def settings(self) -> Mapping[str, str]:
        """For the notes of the run: nothing if this process alone holds the model."""
        if self.engine == "ray":
            return {"Ray replicas": str(self.replicas)}
        return {"workers": str(self.workers)} if self.several else {}

    def require_sense(self, behind_api: int, device: str) -> None:
        """Returns if models can be run so on that device, that many of them behind an API.

        Raises:
            UsageError: names the first number that is out of range, and the first option that would have no effect.
        """
        for name in ("workers", "replicas", "cpus_per_replica"):
            if getattr(self, name) < 1:
                raise UsageError(f"--{name.replace('_', '-')} must be at least 1, not {getattr(self, name)}")
        gpus = self.gpus_per_replica
        if gpus < 0 or (gpus > 1 and not gpus.is_integer()):
            raise UsageError(f"--gpus-per-replica must be a whole number, or less than 1, not {gpus:g}")
        if gpus > 1 and device != "auto":
            raise UsageError(f"a replica with {gpus:g} GPUs is spread over them; leave out --device {device}")
        said = [field.name for field in fields(Replicas)[2:] if getattr(self, field.name) != field.default]
        if said and self.engine != "ray":
            raise UsageError(f"--{said[0].replace('_', '-')} is for --engine ray")
        if self.workers > 1 and self.engine == "ray":
            raise UsageError("--workers is for --engine local; with --engine ray say --replicas")
        if self.several and behind_api:
            raise UsageError("models behind an API are asked by one process, several calls at a time: --concurrency")

    def precision(self, device: str, dtype: str) -> tuple[str, str]:
        """Devices, with commas between, and dtype of every replica, in words; that of Ray's is said here for all.

        On a CPU, "auto" may turn out to be bfloat16 where the weights are read (`models.devices.dtype_for`); not with
        Ray, whose machines need not be alike: there it is float32.

        Raises:
            UsageError: there is no such device or dtype.
        """
        import torch

        from unispect.models.devices import devices_for, dtype_for

        gpus = self.gpus_per_replica
        if self.engine == "ray" and device == "auto":  # this machine need not be like theirs
            names = [f"cuda:{n}" for n in range(int(gpus))] if gpus > 1 else ["cuda" if gpus else "cpu"]
            chosen = tuple(map(torch.device, names))
        else:
            chosen = devices_for(device)
        return ",".join(map(str, chosen)), str(dtype_for(dtype, chosen[0])).removeprefix("torch.")

    def pool(self, model: ModelReference, device: str, dtype: str) -> WorkerPool:
        """The processes that hold the model; they are started when there is work.

        Raises:
            UsageError: Ray is not installed or has no room; or no such device or dtype.
            UnispectError: there is no cluster at the address.
        """
        if self.engine == "ray":
            device, dtype = self.precision(device, dtype)
        named = model.name, model.weights, device, dtype, self.threads
        return self.pool_of(partial(load_replica, *named, adapters=model.adapters))

    @property
    def threads(self) -> int:
        """Of each process: its share of the cores, or what Ray is told."""
        import torch

        return self.cpus_per_replica if self.engine == "ray" else max(1, torch.get_num_threads() // self.workers)

    def pool_of(self, load: Load) -> WorkerPool:
        """The processes that hold what `load` makes, a model or what takes the place of one.

        Raises:
            UsageError: Ray is not installed or has no room.
            UnispectError: there is no cluster at the address.
        """
        from unispect.engine.pool import WorkerPool
        from unispect.engine.processes import Processes

        if self.engine == "ray":
            from unispect.engine.ray import Actors

            actors = Actors(load, address=self.address, gpus=self.gpus_per_replica, threads=self.cpus_per_replica)
            return WorkerPool(actors, self.replicas)
        return WorkerPool(Processes(load), self.workers)


def load_replica(
    name: str,
    weights: str,
    device: str,
    dtype: str,
    threads: int,
    number: int,
    *,
    adapters: Sequence[Adapter] = (),
) -> UnifiedModel:
    """The model for the process of that number, on a GPU of its own if it sees several and none was named.

    Raises:
        UsageError: unknown model, device or dtype, or no such folder.
        CheckpointError: the weights cannot be loaded as this model.
    """
    import torch

    from unispect.models.registry import load

    torch.set_num_threads(threads)
    if device in ("auto", "cuda") and torch.cuda.device_count() > 1:
        device = f"cuda:{number % torch.cuda.device_count()}"
    return load(name, weights or None, device, dtype, adapters=adapters)
