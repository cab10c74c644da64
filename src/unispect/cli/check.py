"""`unispect check`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from unispect.cli.console import say, show_table
from unispect.cli.status_words import root_lines
from unispect.core.errors import UsageError

if TYPE_CHECKING:
    from unispect.studies.statements.published import Printed
    from unispect.studies.statements.tokens import Statistics

app = App(
    name="check",
    usage="Usage: unispect check run|table-1|posters [OPTIONS]",
    help_epilogue="""Examples:
  unispect check run runs/bound
  unispect check table-1
  unispect check table-1 --data t2i-corebench:FOLDER --tokenizer tokenizer.json
  unispect check posters real_world_data

--debug after any command shows the full traceback of an error.""",
)


@app.command(name="run")
def run_folder(run: Path, /) -> int:
    """Hold a run folder to what was written into it: every page, every record and grade, every byte of every picture.

    Exit code 1 says that something is damaged, or is not what was written; each such part is named.

    Args:
        run: Folder of the run.
    """
    from unispect.runs.check import check as problems_of
    from unispect.runs.status import status

    problems = problems_of(run)
    for problem in problems:
        say(str(problem), "bold red")
    if problems:
        say(f"{len(problems):,} parts of {run} are not as they were written")
        return 1
    found = status(run)
    for line in root_lines(found):
        say(line)
    say(f"{run} is whole: {found.done + found.failed + found.skipped:,} records")
    return 0


@app.command(name="table-1")
def table_1(
    *,
    data: Annotated[str, Parameter(show_default=False)] = "",
    tokenizer: Annotated[Path | None, Parameter(show_default=False)] = None,
) -> None:
    """Hold Table 1 of arXiv 2604.10949 to what was stated of it, and to what its prompts alone predict.

    Args:
        data: The prompts, as t2i-corebench:FOLDER; without them only the printed numbers are checked.
        tokenizer: A tokenizer.json to count tokens with; without one, words and marks stand in for tokens.
    """
    from unispect.studies.statements.published import TEXT, checks

    if tokenizer and not data:
        raise UsageError("--tokenizer needs prompts: --data t2i-corebench:FOLDER")
    say("Statements held to the printed numbers", "bold")
    show_table(
        ("statement", "claim", "holds", "does not hold for"),
        [
            (
                one.id,
                one.claim,
                f"{len(one.holds)} of {len(one.holds) + len(one.fails)}",
                "; ".join(f"{model} ({number})" for model, number in one.fails.items()),
            )
            for one in checks()
        ],
    )
    if not data:
        return
    from unispect.core.prompts import Prompt
    from unispect.data.prompts import load_prompts, prompt_of
    from unispect.studies.statements import tokens

    loaded = load_prompts(data)
    prompts: dict[str, list[str]] = {kind: [] for kind in TEXT}
    for item in loaded.items:
        if item.kind in prompts:
            made: Prompt = prompt_of(item.inputs, item.places)
            prompts[item.kind].append(made.text)
    if not all(prompts.values()):
        raise UsageError(f"{loaded.name} lacks the four kinds of text of the table; write t2i-corebench:FOLDER")
    found = tokens.statistics(prompts, tokens.tokenizer(tokenizer) if tokenizer else tokens.words)
    _say_statistics(found, loaded.digest, str(tokenizer) if tokenizer else "")
    _say_predictions(found)


@app.command(name="posters")
def posters(folder: Path, /) -> None:
    """Recompute the poster scores of arXiv 2510.21842 from every graded item, and hold stored counts to them.

    An expected.json in the folder or beside it is held to what comes out, number by number.

    Args:
        folder: With posters-1.json, posters-2.json, ... (one per grading), and sub-folders of such files.
    """
    from unispect.cli.posters import show

    show(folder)


def _say_statistics(found: Sequence[Statistics], digest: str, tokenizer: str) -> None:
    import numpy as np

    say()
    say(f"The prompts, digest {digest}", "bold")
    say(f"tokens by {tokenizer}" if tokenizer else "no tokenizer given: words and marks stand in for tokens")
    show_table(
        ("kind", "prompts", "characters", "tokens", "log2 n", "id histogram", "with 2 special ids"),
        [
            (
                one.kind,
                f"{one.prompts}",
                f"{np.mean(one.characters):.0f} ({min(one.characters)} to {max(one.characters)})",
                f"{np.mean(one.tokens):.0f} ({min(one.tokens)} to {max(one.tokens)})",
                f"{np.mean(np.log2(one.tokens)):.2f}",
                f"{one.entropy:.3f}",
                f"{one.with_specials:.3f}",
            )
            for one in found
        ],
        right=("prompts", "characters", "tokens", "log2 n", "id histogram", "with 2 special ids"),
    )
    lengths = np.array([n for one in found for n in one.tokens])
    say(
        f"all: mean {lengths.mean():.0f}, median {np.median(lengths):.0f}, {(lengths > 256).mean():.0%} over 256; "
        "entropies in bits, of order 1.01, means over prompts"
    )


def _say_predictions(found: Sequence[Statistics]) -> None:
    from unispect.studies.statements.published import TEXT, printed
    from unispect.studies.statements.tokens import misfit

    readings: list[tuple[str, Callable[[Statistics], float]]] = [
        ("prompt and 2 special ids", lambda one: one.with_specials),
        ("Show-o's whole input", lambda one: one.show_o),
    ]
    for title, number in readings:
        say()
        say(f"Printed minus predicted bits: {title}, different ids far apart", "bold")
        show_table(
            ("model", *TEXT),
            [(row.model, *(f"{miss:+.3f}" for miss in misfit(row, found, number).values())) for row in printed()],
            right=TEXT,
        )
    say()
    say("Kernel value between different ids that would give the printed bits, prompt alone", "bold")
    show_table(("model", *TEXT), [(row.model, *_couplings(row, found)) for row in printed()], right=TEXT)
    say("a dash: above what the histogram of ids allows")


def _couplings(row: Printed, found: Sequence[Statistics]) -> list[str]:
    own = {one.kind: one.coupling(row.values[one.kind]) for one in found}
    return ["-" if value is None else f"{value:.2f}" for value in own.values()]
