"""Bars in a notebook while a run is carried out."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from unispect.core.units import Status
from unispect.engine.progress import Progress
from unispect.runner.running import Told


def in_notebook() -> bool:
    """A kernel of Jupyter (or of what speaks like one) runs this, so that outputs are shown below a cell."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    return shell is not None and hasattr(shell, "kernel")


class Bars(Told):
    """A bar for every stage of every study: with widgets where ipywidgets is installed, else in text."""

    @contextmanager
    def watching(self, study: str) -> Iterator[Progress]:
        bar = _Bar(study)
        try:
            yield bar
        finally:
            bar.end()


class _Bar:
    """What the engine tells, as a bar of tqdm."""

    def __init__(self, study: str) -> None:
        self._study = study
        self._bar: Any = None
        self._failed = 0

    def begin(self, stage: str, total: int, already: int) -> None:
        from tqdm import TqdmWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TqdmWarning)  # that ipywidgets is not there, each time
            from tqdm.auto import tqdm
        self.end()
        self._bar = tqdm(total=total, initial=already, desc=f"{self._study}, {stage}", unit="unit")

    def advance(self, kind: str, outcomes: Mapping[Status, int]) -> None:
        self._failed += outcomes.get("failed", 0)
        if self._failed:
            self._bar.set_postfix_str(f"{self._failed} failed", refresh=False)
        self._bar.update(sum(outcomes.values()))

    def end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
