"""`unispect studies`."""

from __future__ import annotations

from unispect.cli.console import say, show_table
from unispect.core.errors import UnispectError
from unispect.studies.registry import Study, all_studies


def studies() -> None:
    """List the studies and what each answers."""
    show_table(("study", "version", "question"), [(s.name, _version(s), s.question) for s in all_studies().values()])
    say()
    say("Start one with: unispect run STUDY --model MODEL --out RUN")


def _version(study: Study) -> str:
    try:
        return str(study.version)
    except UnispectError as error:
        return str(error)
