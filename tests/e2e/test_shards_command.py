"""Parts of a run, carried out in folders of their own, merged into what one run leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from unispect.cli import main
from unispect.runs import RunStore

RUN = ("run", "safety", "--model", "tiny-janus-pro", "--limit", "2", "--seeds", "0")


def _left(folder: Path) -> dict[str, tuple]:
    with RunStore.open(folder) as store:
        return {e.unit.id: (e.record.status, e.record.payload, e.record.blobs) for e in store.entries()}


@pytest.mark.slow
def test_parts_merge_to_the_whole(tmp_path: Path) -> None:
    parts = [tmp_path / f"part-{number}" for number in (1, 2)]
    assert main([*RUN, "--out", str(tmp_path / "whole")]) == 0
    for number, part in enumerate(parts, 1):
        assert main([*RUN, "--shard", f"{number}/2", "--out", str(part)]) == 0
        assert 0 < len(_left(part)) < len(_left(tmp_path / "whole"))
    assert main(["merge", *map(str, parts), "--out", str(tmp_path / "merged")]) == 0
    assert _left(tmp_path / "merged") == _left(tmp_path / "whole")
    assert list(_left(tmp_path / "merged")) == list(_left(tmp_path / "whole"))


@pytest.mark.parametrize(
    ("shard", "code", "what"), [("0/2", 2, "written I/N"), ("x", 2, "written I/N"), ("3/2", 2, "written I/N")]
)
def test_no_such_part(tmp_path: Path, capsys: pytest.CaptureFixture, shard: str, code: int, what: str) -> None:
    assert main([*RUN, "--shard", shard, "--out", str(tmp_path / "run")]) == code
    assert what in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
