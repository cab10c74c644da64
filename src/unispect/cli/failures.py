"""What went wrong, on one line, with the exit code that says whose fault it was."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from cyclopts import CycloptsError, UnknownCommandError

from unispect.cli.words import VERBS
from unispect.core.errors import UnispectError, unknown
from unispect.core.extras import missing
from unispect.report.text import visible

INTERRUPTED = 130


def explain(error: BaseException, tokens: Sequence[str]) -> tuple[str, int]:
    """The line for stderr and the exit code.

    Args:
        error: whatever reached the top.
        tokens: the command, to say how to go on.
    """
    verb = next((token for token in tokens if token in VERBS), "")
    text, code = _reason(error, verb)
    return visible(" ".join(text.split())), code


def _reason(error: BaseException, verb: str) -> tuple[str, int]:
    if isinstance(error, KeyboardInterrupt):
        kept = "what was recorded is kept, the same command continues" if verb and VERBS[verb].continues else ""
        return "interrupted" + (f"; {kept}" if kept else ""), INTERRUPTED
    error = missing(error) or error
    if isinstance(error, UnispectError):
        return str(error), error.exit_code
    if isinstance(error, UnknownCommandError) and not verb and error.unused_tokens:
        return str(unknown("command", error.unused_tokens[0], VERBS)), 2
    if isinstance(error, CycloptsError):
        return f"{error} See 'unispect {verb}{' ' * bool(verb)}--help'.", 2
    if isinstance(error, OSError):
        return _of_the_system(error), 1
    if isinstance(error, UnicodeEncodeError):
        return f"a name or a text holds half a character ({error.object[error.start]!a}), which no file takes", 1
    if type(error) is ValueError and "embedded null" in str(error):
        return "a name holds a NUL, and no file can be called so", 2
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "out of memory; lower --batch-size, or use --dtype bfloat16", 1
    return f"internal error: {type(error).__name__}: {error}; repeat with --debug for the place", 1


def _of_the_system(error: OSError) -> str:
    place = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{place}; free some space, then repeat the command"
    return f"{error.strerror or error}{place}"
