"""What can go wrong, in the user's words.

Every error a user can cause is one of these; the command line prints its message on one line and leaves with
its `exit_code`: 2 when the command itself was wrong, 1 when a correct command failed.
"""

import difflib
from collections.abc import Iterable


class UnispectError(Exception):
    """A failure that is explained by its message: what was wrong, where, and what to do."""

    exit_code = 1


class UsageError(UnispectError):
    """The command or call asks for something that does not exist or makes no sense."""

    exit_code = 2


class CheckpointError(UnispectError):
    """A checkpoint cannot be loaded as the model it is said to be; names the key and the file."""


class DataError(UnispectError):
    """An input file (picture, prompt list, table) cannot be used; names the file and the place in it."""


class OutsideError(DataError, ValueError):
    """A text or file from outside is not read (see `unispect.core.outside`); names it and what is wrong with it."""


class StoreError(UnispectError):
    """A run folder is damaged, incomplete or cannot be written; names the part."""


class Halted(UnispectError):
    """Every further unit would meet the same (a limit on the cost, a key that is not accepted).

    The loop over units stops; those that are left stay undone, and the same command goes on with them.
    """


class StateError(UnispectError):
    """A model produced states or scores that no measure is defined on (NaN, infinity)."""


class UpstreamMissing(UnispectError):
    """A unit cannot run because a unit of an earlier stage left no finished record."""


class Unsupported(UnispectError):
    """The model cannot do this; planners show it as a skip with this reason.

    Args:
        model: id of the model.
        capability: one word of `unispect.core.cards.Capability`.
        reason: why, in one clause.
    """

    def __init__(self, model: str, capability: str, reason: str = "") -> None:
        self.model = model
        self.capability = capability
        self.reason = reason
        super().__init__(f"{model} cannot {capability}" + (f": {reason}" if reason else ""))


class NoReply(UnispectError):
    """The model's answer to this request is no reply of the kind that was asked for, and asking again brings the same.

    Its unit is skipped with these words, so that studies can count it.
    """


class Unread(NoReply):
    """Something came that could not be read as the reply that was asked for.

    It is kept where it was paid for, and its unit fails: that is no refusal, and the same command reads it again.
    """


class Refused(NoReply):
    """The model would not answer this request.

    Args:
        model: id of the model.
        capability: one word of `unispect.core.cards.Capability`.
        words: of the model or its provider.
    """

    def __init__(self, model: str, capability: str, words: str) -> None:
        self.model = model
        self.capability = capability
        self.words = words
        super().__init__(f"{model} refused to {capability}: {words}")


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not in a list, with the nearest name that is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(names)
    return UsageError(f"unknown {kind} {name!r}; {hint}")
