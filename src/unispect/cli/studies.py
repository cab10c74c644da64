"""`unispect studies`."""

from __future__ import annotations

from unispect.cli.console import say, show_table
from unispect.studies.registry import all_studies


def studies() -> None:
    """List the studies and what each answers."""
    show_table(("study", "version", "question"), [(s.name, str(s.version), s.question) for s in all_studies().values()])
    say()
    say("Start one with: unispect run STUDY --model MODEL --out RUN")
