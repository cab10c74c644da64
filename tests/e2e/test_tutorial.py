"""What the tutorial and the guides tell to type, typed."""

import re
import shlex
from pathlib import Path

import pytest

from tests.helpers import commands

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```", re.M | re.S)
APART = {"demo": "tests/e2e/test_demo.py"}
"""Commands that take minutes, and where they are run."""

LONGER = pytest.mark.nightly("tests/unit/supply/test_site.py::test_every_command_of_the_pages_is_understood")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", ["tutorial", "guide/probe", "guide/train", pytest.param("guide/aphasia", marks=LONGER)]
)
def test_a_page_is_carried_out(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    known: dict[str, object] = {}
    blocks = BLOCK.findall((DOCS / f"{page}.md").read_text("utf-8"))
    assert blocks
    for language, block in blocks:
        if language == "python":
            exec(compile(block, page, "exec"), known)
            continue
        for line in block.replace("\\\n", " ").splitlines():
            program, *tokens = shlex.split(line)
            assert program == "unispect"
            if tokens[0] in APART:
                assert tokens[0] in (DOCS.parent / APART[tokens[0]]).read_text("utf-8")
                continue
            done = commands.here(capsys, *tokens)
            assert done.code == 0, f"{line}\n{done.err}"
    for name in re.findall(r"--out (\S+\.(?:html|jsonl))", "".join(block for _, block in blocks)):
        assert (tmp_path / name).stat().st_size > 1000, name
