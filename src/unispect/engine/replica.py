"""One replica of a model and what it makes of tasks; the same in a worker process and in an actor."""

from __future__ import annotations

from typing import Any

from unispect.core.errors import StoreError, UnispectError
from unispect.engine.attempt import Stopped, attempt, dtype_of
from unispect.engine.executor import card_of
from unispect.engine.faults import outcome
from unispect.engine.machine import traits_of
from unispect.engine.messages import Broken, Finished, Load, Needs, NotSent, Ready, Reply, Task, upstream_among


class Replica:
    """Holds a model, loaded once."""

    def __init__(self) -> None:
        self._model: Any = None

    def load(self, load: Load, number: int) -> Ready | Broken:
        """Makes the model; a model that cannot be made breaks the command, as it would in one process."""
        try:
            self._model = load(number)
        except UnispectError as error:
            return Broken(str(error), error.exit_code)
        except Exception as error:
            return Broken(f"the model cannot be loaded: {outcome(error)[1]}")
        return Ready(card_of(self._model), traits_of(self._model), dtype_of(self._model))

    def answer(self, task: Task) -> Reply:
        """What became of a task."""
        try:
            return Finished(
                attempt(task.run, self._model, task.units, upstream_among(task.known), debug=task.debug),
            )
        except Stopped as stopped:
            return Finished(stopped.records, stopped.cause)
        except StoreError as error:
            return Broken(str(error), error.exit_code, store=True)
        except NotSent as missing:
            return Needs(missing.unit)
