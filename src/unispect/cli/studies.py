"""`unispect studies`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from unispect.cli.console import say, say_json, show_table
from unispect.studies.base import Study
from unispect.studies.registry import all_studies


def studies(*, as_json: Annotated[bool, Parameter(name="--json", negative=(), show_default=False)] = False) -> None:
    """List the studies and what each answers.

    Args:
        as_json: Print them as JSON, with the options and judges of each.
    """
    if as_json:
        say_json([_facts(one) for one in all_studies().values()])
        return
    show_table(("study", "version", "question"), [(s.name, str(s.version), s.question) for s in all_studies().values()])
    say()
    say("Start one with: unispect run STUDY --model MODEL --out RUN")


def _facts(study: Study) -> dict[str, object]:
    options = {"--data": study.prompts, "--preset": study.presets, "--parts": study.parts}
    return {
        "name": study.name,
        "version": study.version,
        "question": study.question,
        "options": [name for name, takes in options.items() if takes],
        "judges": [*study.judges, *(["PROVIDER:MODEL"] if study.by_chat else [])],
        "asked_to_grade": study.asked_to_grade,
    }
