"""Which failures concern one unit, which end the command, and how they are put down."""

from __future__ import annotations

import errno
import traceback

from unispect.core.errors import NoReply, StoreError, Unread, Unsupported, UpstreamMissing
from unispect.core.units import Status

LONGEST = 2000
"""Characters of an error that are kept; a model's own words can be in it."""


class StudyFault(Exception):
    """A study did not give one record per unit, in their order: none of the batch's records can be trusted."""


def raise_if_final(error: Exception) -> None:
    """Returns if the next unit may fare better.

    Raises:
        StoreError: the run folder is damaged, or the disk is full: every further unit would fail.
    """
    if isinstance(error, StoreError):
        raise error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise StoreError(f"no room on the disk: {error}; nothing recorded so far is lost") from error


def outcome(error: Exception, *, debug: bool = False) -> tuple[Status, str]:
    """`skipped` when what was asked for is not to be had, else `failed`; with class and message on one line.

    With `debug`, the traceback follows.
    """
    if isinstance(error, UpstreamMissing | Unsupported | NoReply) and not isinstance(error, Unread):
        return "skipped", _shortened(str(error))
    cause = _shortened(f"{type(error).__name__}: {error}".removesuffix(": "))
    return "failed", cause + ("\n" + "".join(traceback.format_exception(error)) if debug else "")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
