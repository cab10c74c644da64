"""docs/python.md, carried out."""

import re
from pathlib import Path

import pytest

import unispect
from unispect.runs import RunStore

PAGE = (Path(__file__).parents[3] / "docs" / "python.md").read_text()


@pytest.mark.slow
def test_the_page_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    known: dict[str, object] = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 6
    for example in examples:
        exec(compile(example, "docs/python.md", "exec"), known)
    said = capsys.readouterr().out
    assert "Summary(done=" in said
    assert "Words taught by drawing" in said
    assert "before a picture" in said
    assert (tmp_path / "trajectories.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "report.html").read_text().count("Two studies")
    with RunStore.open("runs/python") as store:
        assert {count.study for count in store.counts()} == {"drawing", "concepts", "encoding"}
        assert not store.pending()


def test_the_page_names_everything_that_there_is() -> None:
    table = PAGE[PAGE.index("| name |") :]
    named = {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`(\w+)", row)}
    assert named == set(unispect.__all__)
