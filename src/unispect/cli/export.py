"""`unispect export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unispect.cli.completeness import say_lacking
from unispect.cli.console import say
from unispect.core.errors import UsageError
from unispect.core.paths import resolved

_HIDDEN = Parameter(show_default=False)


def export(
    *runs: Path,
    out: Path | None = None,
    file_format: Annotated[
        Literal["parquet", "csv", "jsonl", "geneval", "inspect", "lmms-eval"] | None, Parameter(name="--format")
    ] = None,
    figures: Annotated[Path | None, _HIDDEN] = None,
    tables: Annotated[Path | None, _HIDDEN] = None,
    model_card: Annotated[Path | None, _HIDDEN] = None,
) -> int:
    """Write a run's records as parquet, CSV or JSON lines, its charts and tables, or its pictures for GenEval's scorer.

    One row per record, in the order of planning; pictures are named by their file in the run folder. Parquet and CSV
    are a file for each study where a run holds several. For GenEval, a folder per prompt with its object and its
    pictures, as the official scorer reads them; for the viewer of Inspect, a log for each study and model; for
    lmms-eval, the text answers of each model and study as samples. Exit code 3 says that the file is written and that
    units of the plan have no record in it.

    Args:
        runs: Folders of the runs, or folders below which runs lie.
        out: File to write (for geneval, inspect and lmms-eval, and for several runs, a folder); by default the run
            folder's name with the format's ending, in the current folder.
        file_format: Format of the file; by default what `--out` ends in, else parquet.
        figures: Folder for the charts of a report on these runs, each as SVG, PDF and PNG, instead of records.
        tables: Folder for its tables and one of all findings, each as CSV, parquet and LaTeX (booktabs), instead of
            records.
        model_card: Markdown file with what was found of the models and how, for their page on a hub, instead of
            records.
    """
    from unispect.runs.creation import found_runs
    from unispect.runs.export import ENDINGS

    if not runs:
        raise UsageError("name at least one run folder: unispect export RUN")
    if figures or tables or model_card:
        if out or file_format:
            raise UsageError("--out and --format are for records; export --figures, --tables and --model-card apart")
        return _from_report(runs, figures, tables, model_card)
    several = found_runs(runs)
    if len(several) == 1:
        return _records(several[0], out, file_format)
    names = [resolved(run).name for run in several]
    if len(set(names)) < len(names):
        raise UsageError("several of these runs have the same name; export them apart, each to its own --out")
    folder, ending = out or Path(), file_format or "parquet"
    if folder.suffix in ENDINGS and not folder.is_dir():
        raise UsageError(f"--out {folder} is one file, and there are {len(several)} runs; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    targets = [folder / f"{name}{f'-{ending}' if ending in FOLDERS else f'.{ending}'}" for name in names]
    return max(_records(run, target, file_format) for run, target in zip(several, targets, strict=True))


def _from_report(runs: Sequence[Path], figures: Path | None, tables: Path | None, model_card: Path | None) -> int:
    """What a report says, as files; charts and tables of all runs together."""
    from unispect.api.files import write_figures, write_tables
    from unispect.api.opened import open as open_runs
    from unispect.runner.reporting import write_model_card
    from unispect.runs.completeness import lacking

    run = open_runs(*runs)
    for folder, write, what in ((figures, write_figures, "charts"), (tables, write_tables, "tables")):
        if folder:
            say(f"{len(write(run.sections, folder)) // 3} {what}, three files each: {folder}")
    if model_card:
        say(f"model card: {write_model_card(runs, model_card).path}")
    with run.opened() as stores:
        return say_lacking(lacking(stores))


def _records(run: Path, out: Path | None, file_format: str | None) -> int:
    from unispect.runs.check import require_kept
    from unispect.runs.export import export as write
    from unispect.runs.store import RunStore

    if file_format in FOLDERS:
        return FOLDERS[file_format](run, out or Path(f"{resolved(run).name}-{file_format}"))
    ending = f".{file_format}" if file_format else ""
    target = out or Path(resolved(run).name + (ending or ".parquet"))
    if ending and target.suffix != ending:
        raise UsageError(f"--format {file_format} does not fit --out {target}; leave one of them out")
    with RunStore.open(run) as store, store.snapshot():
        root = require_kept(store).root
        written = write(store, target, check=False)
    say(f"{written.rows} records in {', '.join(map(str, written.paths))}")
    say(f"root {root}")
    return say_lacking(written.lacking)


def _pictures(run: Path, folder: Path) -> int:
    from unispect.runs.geneval import export_geneval
    from unispect.runs.store import RunStore

    with RunStore.open(run) as store:
        written = export_geneval(store, folder)
    each = f", a folder for each of {len(written.models)} models" if len(written.models) > 1 else ""
    say(f"{written.pictures} pictures of {written.prompts} prompts in {written.path}{each}")
    return say_lacking(written.lacking)


def _logs(run: Path, folder: Path) -> int:
    from unispect.api.inspect_log import export_inspect
    from unispect.runs.store import RunStore

    with RunStore.open(run) as store:
        written = export_inspect(store, folder)
    say(f"{written.samples} samples in {len(written.paths)} logs; look at them: inspect view --log-dir {folder}")
    return say_lacking(written.lacking)


def _samples(run: Path, folder: Path) -> int:
    from unispect.api.lmms_eval import export_lmms_eval
    from unispect.runs.store import RunStore

    with RunStore.open(run) as store:
        written = export_lmms_eval(store, folder)
    say(f"{written.samples} samples in {len(written.paths)} files below {folder}")
    return say_lacking(written.lacking)


FOLDERS = {"geneval": _pictures, "inspect": _logs, "lmms-eval": _samples}
"""Formats that are folders -> what writes them."""
