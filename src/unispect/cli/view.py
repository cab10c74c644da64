"""`unispect view`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from unispect.cli.console import say
from unispect.core.errors import UsageError

_FLAG = Parameter(negative=(), show_default=False)


def view(
    *runs: Path,
    port: int = 0,
    host: str = "127.0.0.1",
    beyond_this_machine: Annotated[bool, _FLAG] = False,
    open_browser: Annotated[bool, Parameter(name="--open", negative=(), show_default=False)] = False,
) -> int:
    """Look through runs in a browser: records, pictures, verdicts, and two models side by side.

    Prints an address that works until ctrl-C, on this machine and for whoever has the token in it. Nothing is written
    to the run folders, and runs that are being written can be watched. Nothing is loaded from elsewhere.

    Args:
        runs: Folders of runs, or folders that hold some.
        port: Port to listen on; 0 for any that is free.
        host: Address of this machine to listen on.
        beyond_this_machine: Listen on an address that other machines can reach. What goes over the network can be read
            on the way, token and all; forwarding the port by ssh is safer.
        open_browser: Open the address in a browser.
    """
    if not runs:
        raise UsageError("name at least one folder: unispect view RUN")
    from unispect.viewer.serving import serve

    def ready(address: str) -> None:
        say(f"viewer: {address}")
        say("ctrl-C ends it")
        if open_browser:
            import webbrowser

            webbrowser.open(address)

    serve(runs, host=host, port=port, beyond=beyond_this_machine, ready=ready)
    return 0
