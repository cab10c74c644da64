"""`unispect export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from unispect.cli.console import say
from unispect.core.errors import UsageError


def export(
    run: Path,
    /,
    *,
    out: Path | None = None,
    file_format: Annotated[Literal["parquet", "jsonl"] | None, Parameter(name="--format")] = None,
) -> None:
    """Write a run's records as parquet or JSON lines.

    One row per record, in the order of planning; pictures are named by their file in the run folder.

    Args:
        run: Folder of the run.
        out: File to write; by default the run folder's name with the format's ending, in the current folder.
        file_format: Format of the file; by default what `--out` ends in, else parquet.
    """
    from unispect.runs.export import export as write
    from unispect.runs.store import RunStore

    ending = f".{file_format}" if file_format else ""
    target = out or Path(run.resolve().name + (ending or ".parquet"))
    if ending and target.suffix != ending:
        raise UsageError(f"--format {file_format} does not fit --out {target}; leave one of them out")
    with RunStore.open(run) as store:
        written = write(store, target)
    say(f"{written.rows} records in {written.path}")
    if written.pending:
        say(f"{written.pending} planned units have no record yet; repeat the run's command to finish it")
