"""The notebooks of docs/notebooks, executed in a kernel: they hold what comes out."""

import re
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="make test-docs brings it")
pytest.importorskip("ipykernel", reason="make test-docs brings it")

import nbformat

from bench.notebook import NOTEBOOKS, executed

NUMBER = re.compile(r"-?\d+\.\d+")


def texts(notebook: nbformat.NotebookNode) -> list[str]:
    """What stands below the cells, in words."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output["data"]["text/plain"] for output in outputs if output.output_type == "execute_result"]


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_holds_what_comes_out_today(path: Path, tmp_path: Path) -> None:
    held, today = nbformat.read(path, as_version=4), executed(path, tmp_path)
    assert len(texts(held)) >= 7
    for then, now in zip(texts(held), texts(today), strict=True):
        assert NUMBER.sub("#", now) == NUMBER.sub("#", then)
        numbers = [[float(one) for one in NUMBER.findall(text)] for text in (now, then)]
        assert numbers[0] == pytest.approx(numbers[1], abs=2e-3)
    kinds = {kind for cell in today.cells for output in cell.get("outputs", ()) for kind in output.get("data", ())}
    assert {"text/html", "image/svg+xml"} <= kinds
    assert (tmp_path / "first-look.html").exists()
