"""What is asked for: one study on one model into one run folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unispect.core.errors import UsageError
from unispect.engine.driver import BATCH_SIZE
from unispect.engine.replicas import Replicas
from unispect.models.registry import ModelReference, is_remote
from unispect.studies.base import Options, Study

if TYPE_CHECKING:
    from unispect.chat import Spending
    from unispect.models.base import UnifiedModel
    from unispect.models.remote.names import Asking


@dataclass(frozen=True)
class Remote:
    """How models behind an API are asked.

    Attributes:
        spending: what asking may take; where it names no cassette, replies are kept in the run folder.
        key_from: environment variable that holds the key, if it is not the provider's own; empty for none.
        asking: what decides the answers; the provider's own way by default.
        replay: ask nobody; take replies from the cassette only.
    """

    spending: Spending | None = None
    key_from: str | None = None
    asking: Asking | None = None
    replay: bool = False

    def spending_on(self, model: str, out: Path) -> Spending:
        """What asking that model may take, with a cassette."""
        from unispect.chat import Spending

        said = self.spending or Spending()
        return replace(said, cassette=said.cassette or cassette_for(model, out), replay=said.replay or self.replay)

    @property
    def how(self) -> Asking:
        """What decides the answers."""
        from unispect.models.remote.names import Asking

        return self.asking or Asking()


def cassette_for(model: str, out: Path) -> Path:
    """Where replies of a model are kept unless another place was named: in the run folder."""
    from unispect.chat.cassette import cassette_path

    return cassette_path(out, re.sub(r"[^A-Za-z0-9.+-]+", "-", model))


@dataclass(frozen=True)
class RunConfig:
    """What is asked for.

    Attributes:
        study: what to measure.
        model: on what.
        options: of the study.
        out: the run folder.
        device: as given.
        dtype: as given.
        begun: dtype of the model's records that are in the run folder already; empty for none.
        batch_size: units that go through the model together.
        command: as typed, program first; default: the program that is running.
        debug: failed records carry their traceback.
        remote: how models behind an API are asked.
        replicas: how many processes hold the model.
        shard: part of the plan, and of how many; None for all of it.
        loaded: the model itself, where whoever asks holds it already; device and precision are then its own.
    """

    study: Study
    model: ModelReference
    options: Options
    out: Path
    device: str = "auto"
    dtype: str = "auto"
    begun: str = ""
    batch_size: int = BATCH_SIZE
    command: tuple[str, ...] = ()
    debug: bool = False
    remote: Remote = Remote()
    replicas: Replicas = Replicas()  # noqa: RUF009 - frozen
    shard: tuple[int, int] | None = None
    loaded: UnifiedModel | None = None

    @property
    def behind_api(self) -> bool:
        """Its model is behind an API."""
        return self.loaded is None and is_remote(self.model.name)

    @property
    def precision(self) -> str:
        """As given, "auto" being that of the model's earlier records, so that one folder never mixes two unasked."""
        return self.begun or self.dtype if self.dtype == "auto" else self.dtype

    def same_model(self, other: RunConfig) -> bool:
        """Both are for one model, and it need not be loaded again."""
        return self.model == other.model and self.loaded is other.loaded

    def require_here(self) -> None:
        """Returns if nothing was said of where a model runs that is loaded already.

        Raises:
            UsageError: it was.
        """
        if (self.device, self.dtype) != ("auto", "auto") or self.replicas.several:
            raise UsageError(
                f"{self.model.name} is loaded already, on its device and in its precision: name it instead of giving "
                "the model, or leave device, dtype and replicas out"
            )


def require_fitting(
    studies: Sequence[Study],
    *,
    data: Sequence[str] = (),
    presets: Sequence[str] = (),
    parts: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> None:
    """Returns if what was said of several studies means something to one of them at least.

    Raises:
        UsageError: names the first option that would have no effect, or a seed that stands there twice.
    """
    if data and not any(one.prompts for one in studies) and len(studies) > 1:
        raise UsageError(f"--data is read differently by {' and '.join(one.name for one in studies)}; run them apart")
    if presets and not any(one.presets for one in studies):
        raise UsageError(f"--preset says how states are measured; the study {studies[0].name} measures none")
    if parts and not any(one.parts for one in studies):
        raise UsageError(f"--parts says what a study asks; the study {studies[0].name} has no parts")
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds names a seed twice: {' '.join(map(str, seeds))}")


def orders(
    studies: Sequence[Study],
    models: Sequence[ModelReference | UnifiedModel],
    out: Path,
    options: Options,
    **how: Any,
) -> list[RunConfig]:
    """Every study on every model; those of one model stand together, so that it is loaded once.

    Args:
        studies: of which each is given what of the options means something to it.
        models: by name, or loaded.
        out: the run folder.
        options: of all studies.
        how: all else that an `RunConfig` says.
    """
    alone = len(studies) == 1
    return [
        RunConfig(
            study,
            model if isinstance(model, ModelReference) else ModelReference(model.card.id),
            replace(
                options,
                data=(options.data or None) if study.prompts or alone else None,
                parts=options.parts if study.parts else (),
            ),
            out,
            loaded=None if isinstance(model, ModelReference) else model,
            **how,
        )
        for model in models
        for study in studies
    ]
