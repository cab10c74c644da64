"""Holds Table 1 of arXiv 2604.10949 to what was stated of it, and to what its prompts alone predict."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import App, Parameter

from reproductions import carry_out
from reproductions.table_1 import tokens
from reproductions.table_1.printed import TEXT, Printed, checks, printed
from unispect.cli.console import say, show_table
from unispect.core.errors import UsageError
from unispect.data.prompts import load_prompts, prompt_of

app = App(name="python -m reproductions.table_1", help_format="plaintext")


@app.default
def show(
    *,
    data: Annotated[str, Parameter(show_default=False)] = "",
    tokenizer: Annotated[Path | None, Parameter(show_default=False)] = None,
) -> None:
    """Hold Table 1 of arXiv 2604.10949 to what was stated of it, and to what its prompts alone predict.

    Args:
        data: The prompts, as t2i-corebench:FOLDER; without them only the printed numbers are checked.
        tokenizer: A tokenizer.json to count tokens with; without one, words and marks stand in for tokens.
    """
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
    loaded = load_prompts(data)
    prompts: dict[str, list[str]] = {kind: [] for kind in TEXT}
    for item in loaded.items:
        if item.kind in prompts:
            prompts[item.kind].append(prompt_of(item.inputs, item.locations).text)
    if not all(prompts.values()):
        raise UsageError(f"{loaded.name} lacks the four kinds of text of the table; write t2i-corebench:FOLDER")
    found = tokens.statistics(prompts, tokens.tokenizer(tokenizer) if tokenizer else tokens.words)
    _say_statistics(found, loaded.digest, str(tokenizer) if tokenizer else "")
    _say_predictions(found)


def _say_statistics(found: Sequence[tokens.Statistics], digest: str, tokenizer: str) -> None:
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


def _say_predictions(found: Sequence[tokens.Statistics]) -> None:
    readings: list[tuple[str, Callable[[tokens.Statistics], float]]] = [
        ("prompt and 2 special ids", lambda one: one.with_specials),
        ("Show-o's whole input", lambda one: one.show_o),
    ]
    for title, number in readings:
        say()
        say(f"Printed minus predicted bits: {title}, different ids far apart", "bold")
        show_table(
            ("model", *TEXT),
            [
                (row.model, *(f"{miss:+.3f}" for miss in tokens.misfit(row, found, number).values()))
                for row in printed()
            ],
            right=TEXT,
        )
    say()
    say("Kernel value between different ids that would give the printed bits, prompt alone", "bold")
    show_table(("model", *TEXT), [(row.model, *_couplings(row, found)) for row in printed()], right=TEXT)
    say("a dash: above what the histogram of ids allows")


def _couplings(row: Printed, found: Sequence[tokens.Statistics]) -> list[str]:
    own = {one.kind: one.coupling(row.values[one.kind]) for one in found}
    return ["-" if value is None else f"{value:.2f}" for value in own.values()]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    return carry_out(app, arguments)


if __name__ == "__main__":
    sys.exit(main())
