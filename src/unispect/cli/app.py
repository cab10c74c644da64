"""The command line's table of verbs. Each is imported only when it is called."""

from __future__ import annotations

from cyclopts import App

from unispect.cli.helping import DEBUGGED, FROM_FILE, Helping
from unispect.cli.words import VERBS, Verb


def version() -> str:
    """The installed version."""
    from importlib.metadata import version as installed

    return installed("unispect")


def _told(name: str, verb: Verb) -> dict[str, str]:
    """How `--help` of a verb begins and ends; those that are parsers of their own say so themselves."""
    if verb.path.endswith(":app"):
        return {}
    usage = {"usage": f"Usage: unispect {name} {verb.usage}"} if verb.usage else {}
    return {**usage, "help_epilogue": DEBUGGED}


def build_app() -> App:
    """The parser for all verbs; building it imports none of them."""
    app = App(
        name="unispect",
        help="Inspects unified multimodal models: can it tell what it can draw, "
        "and do text and images live in one space? To begin with: unispect demo (no network, no GPU, two minutes).",
        help_epilogue=f"{FROM_FILE}\n\n{DEBUGGED}",
        help_format="plaintext",
        help_formatter=Helping(),
        version=version,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )
    app.register_install_completion_command(help="Install completion for this shell.")
    for order, (name, verb) in enumerate(VERBS.items()):
        app.command(verb.path, name=name, help=verb.summary, sort_key=order, **_told(name, verb))
    return app
