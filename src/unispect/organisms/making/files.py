"""Writing the files around an organism's weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from unispect.runs import durable


def padded(tokenizer: Tokenizer) -> int:
    """Rows of a table of all tokens, rounded up to a multiple of 64."""
    return -(-tokenizer.get_vocab_size() // 64) * 64


def write_all(folder: Path, tokenizer: Tokenizer, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes tokenizer.json and the given JSON files; names may hold a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    durable.write(folder / "tokenizer.json", tokenizer.to_str(pretty=True).encode())
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        durable.write(folder / name, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())
