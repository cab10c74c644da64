"""What a binding goes on from: one file, or a folder that processes which hold the model together write."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from unispect.core.errors import CheckpointError, OutsideError
from unispect.core.outside import parse_json, regular_bytes
from unispect.runs import durable
from unispect.train.device_group import DeviceGroup
from unispect.train.metrics_log import DivergenceMonitor
from unispect.train.optimisers import Optimisers
from unispect.train.output_folder import Hold, explained
from unispect.train.state import load_state, save_state

STAGE = "binding"
_FILE, _FOLDER, _TOLD = "state.pt", "state", "step.json"


@dataclass(frozen=True)
class States:
    """The saved state of a training.

    Attributes:
        group: the processes that train.
        run: folder for what the training itself leaves.
        hold: on the folder that `run` is in; None in processes that do not write by themselves.
    """

    group: DeviceGroup
    run: Path
    hold: Hold | None

    def save(self, parameters: Sequence[Tensor], optimisers: Optimisers, watch: DivergenceMonitor, step: int) -> None:
        """Keeps the state after a step in the place of the one before; a stop at any moment leaves one of the two.

        Raises:
            StoreError: it cannot be written.
        """
        if self.group.together:
            self._save_together(watch, step)
        elif self.hold:
            path = self.run / _FILE
            with self.hold.writing(path):
                save_state(path, parameters, optimisers, STAGE, step, {"watch": watch.state()})
        self.group.wait()

    def restore(self, parameters: Sequence[Tensor], optimisers: Optimisers, watch: DivergenceMonitor) -> int:
        """Puts the saved state back; the steps that it has behind it, 0 where nothing was saved.

        Raises:
            CheckpointError: it is damaged.
        """
        if self.group.together:
            return self._restore_together(watch)
        saved = load_state(self.run / _FILE, parameters, optimisers, STAGE)
        if saved is None:
            return 0
        _put_back(watch, saved.get("watch", {}), self.run / _FILE, self.run / _FILE)
        return saved["step"]

    def _save_together(self, watch: DivergenceMonitor, step: int) -> None:
        """All processes write into a folder of the step; what it is the state of is said last."""
        new = self.run / f"{_FOLDER}-{step}"
        if self.hold:
            with self.hold.writing(new):
                shutil.rmtree(new, ignore_errors=True)
        self.group.wait()
        with self.hold.writing(new) if self.hold else explained(new):
            self.group.save(new)
        self.group.wait()
        if self.hold:
            with self.hold.writing(new):
                durable.sync_tree(new)
                durable.write(new / _TOLD, json.dumps({"step": step, **watch.state()}).encode())
                durable.sync_folder(new)
                self._put_in_place(new)

    def _put_in_place(self, new: Path) -> None:
        shutil.rmtree(self.run / _FOLDER, ignore_errors=True)
        new.rename(self.run / _FOLDER)
        durable.sync_folder(self.run)

    def _restore_together(self, watch: DivergenceMonitor) -> int:
        told = self.run / _FOLDER / _TOLD
        if self.hold and not told.exists():  # stopped after the older one was removed
            whole = [path.parent for path in self.run.glob(f"{_FOLDER}-*/{_TOLD}")]
            with self.hold.writing(self.run):
                if whole:
                    self._put_in_place(max(whole, key=lambda folder: int(folder.name.rpartition("-")[2])))
        self.group.wait()
        if not told.exists():
            return 0
        found = _said(told)
        self.group.restore(told.parent)
        _put_back(watch, found, told, told.parent)
        return found["step"]


def remove_states(run: Path, hold: Hold) -> None:
    """Leaves none in the folder `run`.

    Raises:
        StoreError: they cannot be removed.
    """
    with hold.writing(run):
        for folder in (run / _FOLDER, *run.glob(f"{_FOLDER}-*")):
            shutil.rmtree(folder, ignore_errors=True)
        (run / _FILE).unlink(missing_ok=True)


def _said(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(regular_bytes(path), str(path))
        if type(found["step"]) is int and found["step"] >= 0:
            return found
    except (OutsideError, KeyError, TypeError):
        pass
    raise CheckpointError(f"{path} is damaged; delete {path.parent} to begin again")


def _put_back(watch: DivergenceMonitor, state: Any, path: Path, whole: Path) -> None:
    try:
        watch.restore(state)
    except (ValueError, KeyError, TypeError):
        raise CheckpointError(f"{path} is damaged; delete {whole} to begin again") from None
