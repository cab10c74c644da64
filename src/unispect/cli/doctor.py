"""`unispect doctor`."""

from __future__ import annotations

import platform
from importlib.metadata import version

from unispect.cli.console import say
from unispect.doctor.machine import checks

STYLES = {"ok": "green", "note": "yellow", "FAIL": "bold red"}


def doctor() -> int:
    """Check this machine and this installation.

    Looks at versions, devices, memory and disk, has one tiny model of every family draw a picture, describe it and be
    probed, and makes a chart, a table and a portrait. Uses no network. Leaves with exit code 1 if something needed does
    not work, and says in which package.
    """
    say(f"unispect {version('unispect')}, Python {platform.python_version()}, {platform.platform(terse=True)}")
    failed: list[str] = []
    for check in checks():
        say(f"{check.level:5} {check.what}: {check.detail}", STYLES[check.level])
        if check.level == "FAIL":
            failed.append(check.what)
    say()
    say(f"Does not work: {', '.join(failed)}." if failed else "Everything that is needed works.")
    return 1 if failed else 0
