"""How `--help` is set: docstrings run on over the lines of their source, and no word is broken."""

from __future__ import annotations

import re
from typing import Any

from cyclopts.help import DefaultFormatter, HelpPanel
from rich.console import Console, ConsoleOptions
from rich.text import Text

DEBUGGED = "--debug after any command shows the full traceback of an error."
CONFIGURED = f"Options from a file: --config FILE.yaml; --print-config prints such a file.\n{DEBUGGED}"
"""Behind the help of a verb that takes such a file."""
FROM_FILE = """run, grade and train finetune take options from a file, --config FILE.yaml;
--print-config prints those that would be used, as such a file."""


class Helping(DefaultFormatter):
    """Panels as cyclopts draws them, with texts that are broken by the terminal's width alone."""

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        for entry in panel.entries:
            _run_on(entry.description)
        super().__call__(console, options, panel)

    def render_description(self, console: Console, options: ConsoleOptions, description: Any) -> None:
        _run_on(description)
        super().render_description(console, options, description)


def _run_on(description: Any) -> None:
    """Joins the lines of every paragraph; one that is indented, as commands are, stays a line."""
    text = getattr(description, "primary_renderable", None)
    if isinstance(text, Text):
        description.primary_renderable = Text(re.sub(r"(?<!\n)\n(?![\n ])", " ", text.plain))
