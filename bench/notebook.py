"""Executes the notebooks of docs/notebooks in a kernel, so that they hold what comes out today.

    python bench/notebook.py [FOLDER]

Without FOLDER they are written in place. Charts are kept as SVG, so that a page shows them without a script. Bars,
which tell of time, are not kept.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"
CHARTS = 'import altair; altair.renderers.enable("svg")'


def executed(path: Path, folder: Path) -> Any:
    """The notebook with the outputs that its cells have when they are run in `folder`, one after the other.

    Raises:
        CellExecutionError: of the first cell that failed.
    """
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(CHARTS))
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    del notebook.cells[0]
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.execution_count -= 1
            cell.outputs = [one for one in cell.outputs if one.get("name") != "stderr"]
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count -= 1
    return notebook


def main(out: Path) -> None:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        with TemporaryDirectory() as folder:
            notebook = executed(path, Path(folder))
        nbformat.write(notebook, out / path.name)
        print(out / path.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else NOTEBOOKS)
