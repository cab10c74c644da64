"""Recomputes the poster scores of arXiv 2510.21842 from every graded item, and holds stored counts to them."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App

from reproductions import carry_out
from reproductions.posters.gradings import Grading, read_settings
from reproductions.posters.numbers import (
    PUBLISHED,
    Comparison,
    Stale,
    compare,
    find_expected,
    graded_replies,
    published_numbers,
    stale_counts,
)
from unispect.cli.console import say, show_table
from unispect.core.findings import Interval
from unispect.data.posters.items import MODALITIES
from unispect.studies.posters.scoring import MEASURES, Scores, score

LISTED = 20
"""Differences that are printed one by one."""


app = App(name="python -m reproductions.posters", help_format="plaintext")


@app.default
def show(folder: Path, /) -> None:
    """Recompute the poster scores of arXiv 2510.21842 from every graded item, and hold stored counts to them.

    An expected.json in the folder or beside it is held to what comes out, number by number.

    Args:
        folder: With posters-1.json, posters-2.json, ... (one per grading), and sub-folders of such files.
    """
    settings = read_settings(folder)
    for name, gradings in settings.items():
        _show_setting(name, gradings)
    stale = stale_counts(grading for gradings in settings.values() for grading in gradings)
    say("Stored counts held to their items", "bold")
    for one in stale:
        say(_stale_line(one, folder), "yellow")
    if not stale:
        say("all agree, as far as any are stored")
    path = find_expected(folder)
    if path is not None:
        say()
        _show_comparison(compare(path, settings))


def _show_setting(name: str, gradings: Sequence[Grading]) -> None:
    numbers = published_numbers(gradings)
    scores = score(graded_replies(gradings))
    judges = ", ".join(dict.fromkeys(one.judge or "an unnamed judge" for one in gradings))
    say(f"{name}: gradings {len(gradings)}, posters {len(scores.posters)}, graded by {judges}", "bold")
    columns = (
        "%",
        *(f"{modality}{what}" for modality in MODALITIES for what in ("", ", over posters")),
        "text - image",
    )
    show_table(columns, [_row(measure, numbers, scores) for measure in MEASURES], right=columns[1:])
    say("± one standard error over gradings of the same replies; brackets: 95 % intervals over posters")
    for modality, pooled in scores.pooled.items():
        say(
            f"{modality}, pooled: of {pooled.items} items {pooled.errors} wrong "
            f"({pooled.omissions} omissions, {pooled.minor} minor and {pooled.severe} severe hallucinations)"
        )
    say()
    columns = ("id", "poster", *(f"{modality} {what}" for modality in MODALITIES for what in ("error", "severe")))
    rows = []
    for key, own in numbers["per_poster"].items():
        cells = [_mean(own[f"{modality}_{rate}"]) for modality in MODALITIES for rate in ("error", "major_rate")]
        rows.append((key, own["poster_name"], *cells))
    show_table(columns, rows, right=columns[2:])
    say()


def _row(measure: str, numbers: dict[str, Any], scores: Scores) -> tuple[str, ...]:
    cells = [measure]
    for modality in MODALITIES:
        cells.append(_mean(numbers["aggregate"][f"{modality}_{PUBLISHED[measure]}"]))
        cells.append(_limits(scores.totals[modality][measure].over_posters))
    gap = scores.gaps[measure].over_posters
    return (*cells, "-" if math.isnan(gap.estimate) else f"{100 * gap.estimate:+.2f} {_limits(gap)}")


def _mean(value: dict[str, Any]) -> str:
    if value["mean"] is None:
        return "-"
    error = "" if value["sem"] is None else f" ± {100 * value['sem']:.2f}"
    return f"{100 * value['mean']:.2f}{error}"


def _limits(interval: Interval) -> str:
    return "" if math.isnan(interval.low) else f"[{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _stale_line(one: Stale, folder: Path) -> str:
    place = one.path.relative_to(folder).as_posix()
    where = [place, f"poster {one.poster}" if one.poster else "", one.modality]
    said = (f"{name} {one.stored[name]:g} (its items give {one.counted[name]:.4g})" for name in one.stored)
    return f"stale: {', '.join(part for part in where if part)}: stored {', '.join(said)}; places: {one.places}"


def _show_comparison(found: Comparison) -> None:
    say(f"Known numbers, {found.path}", "bold")
    if found.differences:
        say(f"{len(found.differences)} of {found.numbers} values differ", "yellow")
        for place, (known, ours) in list(found.differences.items())[:LISTED]:
            say(f"{place}: {known}, here {'nothing' if ours is None else ours}")
        if len(found.differences) > LISTED:
            say(f"and {len(found.differences) - LISTED} more")
    else:
        say(f"all {found.numbers} values came out")
    if found.absent:
        say(f"not in the folder: {', '.join(found.absent)}", "yellow")
    if found.unknown:
        say(f"nothing known of: {', '.join(found.unknown)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    return carry_out(app, arguments)


if __name__ == "__main__":
    sys.exit(main())
