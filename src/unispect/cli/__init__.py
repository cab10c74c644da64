"""The command line. `main` is the entry point; every verb lives in a file of its own and is imported when called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

DEBUG = "--debug"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 when a correct command failed, 2 when the command was wrong, 130 when interrupted.

    Errors are one line on stderr; `--debug` anywhere in the command adds the traceback.
    """
    from unispect.core.extras import missing

    try:
        from cyclopts import CycloptsError
        from rich.console import Console

        from unispect.cli.app import build_app
        from unispect.cli.config import configured
        from unispect.cli.failures import explain
    except ImportError as error:
        if (absent := missing(error)) is None:
            raise
        sys.stderr.write(f"unispect: {absent}\n")
        return absent.exit_code

    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = DEBUG in tokens
    tokens = [token for token in tokens if token != DEBUG]
    os.environ.pop("UNISPECT_DEBUG", None)
    if debug:
        os.environ["UNISPECT_DEBUG"] = "1"  # so that worker processes know as well
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        # A console of its own for every command: verbs that are apps keep theirs, and with it a width.
        app = build_app()
        tokens, printed = configured(app, tokens)
        if printed:
            sys.stdout.write(f"{printed}\n")
            return 0
        result = app(tokens, console=Console(), exit_on_error=False, print_error=False, verbose=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BrokenPipeError:
        # Whoever read our output has left (`unispect models | head`): not an error, and nothing more to say to them.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        if debug and not isinstance(error, CycloptsError):
            import traceback

            traceback.print_exc()
        line, code = explain(error, tokens)
        sys.stderr.write(f"unispect: {line}\n")
        return code
