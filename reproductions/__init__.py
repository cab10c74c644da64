"""Published numbers, recomputed from public data: scripts of this repository, not of the installed package."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from unispect.cli.failures import explain
from unispect.core.errors import UnispectError


def carry_out(app: App, arguments: Sequence[str] | None = None) -> int:
    """Runs a script's only command; a mistake is one line on stderr. Exit codes are those of `unispect`."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(tokens, exit_on_error=False, print_error=False, verbose=False, result_action="return_value")
    except CycloptsError as error:
        line, code = f"{error} See --help.", 2
    except (UnispectError, OSError) as error:
        line, code = explain(error, tokens)
    else:
        return 0
    sys.stderr.write(f"{line}\n")
    return code
