"""`unispect export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unispect.cli.completeness import say_lacking
from unispect.cli.console import say
from unispect.core.errors import UsageError
from unispect.core.paths import resolved


def export(
    run: Path,
    /,
    *,
    out: Path | None = None,
    file_format: Annotated[Literal["parquet", "csv", "jsonl", "geneval"] | None, Parameter(name="--format")] = None,
) -> int:
    """Write a run's records as parquet, CSV or JSON lines, or its pictures for GenEval's scorer.

    One row per record, in the order of planning; pictures are named by their file in the run folder. Parquet and CSV
    are a file for each study where a run holds several. For GenEval, a folder per prompt with its object and its
    pictures, as the official scorer reads them. Exit code 3 says that the file is written and that units of the plan
    have no record in it.

    Args:
        run: Folder of the run.
        out: File to write (for geneval a new folder); by default the run folder's name with the format's ending, in the
            current folder.
        file_format: Format of the file; by default what `--out` ends in, else parquet.
    """
    from unispect.runs.check import require_kept
    from unispect.runs.export import export as write
    from unispect.runs.store import RunStore

    if file_format == "geneval":
        return _pictures(run, out or Path(f"{resolved(run).name}-geneval"))
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
