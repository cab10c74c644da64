"""Questions in a file, one a line: what stands behind `--data toy-questions:`."""

from collections.abc import Iterator
from pathlib import Path

from unispect.core.texts import read_lines
from unispect.data.items import PromptItem
from unispect.data.sources import Reading, Source


def _read(file: Path, how: Reading) -> Iterator[PromptItem]:
    for number, line in enumerate(read_lines(file, "questions"), 1):
        yield PromptItem(f"question {number}", "text", "question", {"text": line.strip() + "?"})


questions = Source("FILE", _read)
