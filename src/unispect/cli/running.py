"""What `run` prints while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unispect.cli.console import say, show_counts
from unispect.cli.progress import open_board
from unispect.engine.progress import Watch
from unispect.models.registry import cards
from unispect.runner.notes import plan_lines
from unispect.runner.running import Told

if TYPE_CHECKING:
    from unispect.engine.progress import Progress
    from unispect.runner.ready import LoadedRun
    from unispect.runner.running import Outcome
    from unispect.runs import RunStore
    from unispect.studies.base import Study


class Telling(Told):
    """Prints what a run is about to do, bars while it does it, and what became of it.

    Args:
        models: how many there are.
    """

    def __init__(self, models: int = 1) -> None:
        super().__init__()
        self.models, self.model, self.number = models, "", 0

    def ready(self, ready: LoadedRun, store: RunStore) -> None:
        study = ready.order.study
        if ready.card.reference != self.model:
            self.model = ready.card.reference
            self.number += 1
            which = f"{self.number} of {self.models}: " if self.models > 1 else ""
            say(f"model   {which}{self.model} {ready.where}")
            known = cards().get(ready.card.id)
            for note in ready.card.notes:
                if known is None or note not in known.notes:
                    say(f"        {note}")
        say(f"data    {ready.data}")
        if ready.plan is None:
            say(f"study   {study.name} version {study.version}: {ready.nothing}")
            return
        say(f"study   {study.name} version {study.version}: {len(ready.plan.units):,} units")
        seeds = [f"seeds of pictures are sent, and {ready.seeds}"] if ready.seeds else []
        for line in (*plan_lines(ready.plan), *seeds, *before_lines(ready, store)):
            say(f"        {line}")

    @contextmanager
    def watching(self, study: str) -> Iterator[Progress]:
        with open_board() as board:
            yield Watch(board, study)

    def ended(self, ready: LoadedRun, outcome: Outcome, store: RunStore) -> None:
        say()
        show_counts([c for c in store.counts() if (c.study, c.model) == (outcome.study, outcome.model)])
        say()
        if cut := store.cut(outcome.study, outcome.model):
            say(f"{cut:,} records rest on the beginning of their prompt, the rest of which was cut off")
        for what, words in ready.bill.items():
            say(f"{what}: {words}")
        units = outcome.units
        say(f"{units.done:,} units done in {units.seconds:.0f} s, {units.already:,} before: {ready.order.out}")


def before_lines(ready: LoadedRun, store: RunStore) -> Iterator[str]:
    """What has to be known before the first unit: prompts that will be cut, records made in another precision."""
    cut, prompts, most = ready.cut
    if cut:
        yield (
            f"{cut:,} of {prompts:,} prompts for pictures will be cut: {ready.card.id} reads their "
            f"beginning only (up to {most:,} tokens are left out)"
        )
    for (dtype, device), count in store.made_in(ready.order.study.name, ready.card.reference).items():
        if ready.dtype and (dtype, device) != (ready.dtype, ready.device.partition(":")[0]):
            yield f"{count:,} records were made in {dtype} on {device} before and stay as they are"


def not_for_all(studies: Sequence[Study], **said: Sequence[str]) -> Iterator[str]:
    """What was said for some of the studies and means nothing to others, line by line."""
    means = {
        "data": ([one.name for one in studies if one.prompts or len(studies) == 1], "prompts of their own"),
        "preset": ([one.name for one in studies if one.presets], "no states are measured"),
        "parts": ([one.name for one in studies if one.parts], "no parts to choose from"),
    }
    for option, (takers, why) in means.items():
        others = [one.name for one in studies if one.name not in takers]
        if said[option] and others:
            yield f"note    --{option} does nothing for {', '.join(others)} ({why})"
