"""The verbs of the command line: where each lives and what it does, in one line."""

from __future__ import annotations

from typing import NamedTuple


class Verb(NamedTuple):
    """One verb.

    Attributes:
        path: `module:object`.
        summary: in one line.
        continues: the same command again continues what was begun.
        usage: what stands behind it, where its parameters do not say it well.
    """

    path: str
    summary: str
    continues: bool = False
    usage: str = ""


VERBS: dict[str, Verb] = {
    "demo": Verb("unispect.cli.demo:demo", "Run three studies on tiny models of three families; write a report.", True),
    "models": Verb(
        "unispect.cli.models:models", "List the models and what is proven about each.", usage="[NAME] [OPTIONS]"
    ),
    "studies": Verb("unispect.cli.studies:studies", "List the studies and what each answers."),
    "run": Verb("unispect.cli.run:app", "Run studies on models; the same command again continues.", True),
    "status": Verb("unispect.cli.status:status", "Say how far a run is, also while another process writes it."),
    "merge": Verb("unispect.cli.merge:merge", "Merge run folders into one.", True, "RUN... --out FOLDER"),
    "grade": Verb("unispect.cli.grade:app", "Grade what a run drew and told.", True),
    "review": Verb("unispect.cli.review:app", "Have people check what a chat judge graded."),
    "report": Verb(
        "unispect.cli.report:report", "Write one self-contained HTML page from finished runs.", usage="RUN... [OPTIONS]"
    ),
    "view": Verb(
        "unispect.cli.view:view",
        "Look through runs in a browser, also while they are written.",
        usage="RUN... [OPTIONS]",
    ),
    "findings": Verb(
        "unispect.cli.findings:findings",
        "Print what a report of runs says, without writing one.",
        usage="RUN... [OPTIONS]",
    ),
    "export": Verb(
        "unispect.cli.export:export",
        "Write records, charts, tables or pictures of runs as files.",
        usage="RUN... [OPTIONS]",
    ),
    "check": Verb("unispect.cli.check:app", "Hold a run to what was written into it."),
    "train": Verb("unispect.cli.train:app", "Teach models new words by a recipe; make the tiny models.", True),
    "new-model": Verb("unispect.cli.new_model:new_model", "Write a package for a family of models, to begin with."),
    "doctor": Verb("unispect.cli.doctor:doctor", "Check this machine and this installation."),
}
