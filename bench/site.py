"""Puts the pages of the documentation into build/pages, from which `make docs` builds the site.

Pages of docs/ stand at the top of it, those of the repository's other folders below `project/`. Links between them lead
where they stand in the site, links to any other file to the repository. A notebook becomes a page with the outputs that
it holds (bench/notebook.py).
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import sys
from os.path import normpath, relpath
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/unispect/unispect/blob/main"
BESIDE = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "findings/*.md", "reproductions/**/*.md")
"""Pages outside docs/ that the site has too."""
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
INTERVAL = re.compile(r"(\[-?[\d.]+,) (-?[\d.]+\])(?!\()")
FENCED = re.compile(r"(^```.*?^```)", re.M | re.S)


def places() -> dict[str, str]:
    """Every file of the site, from the repository's root -> its place in build/pages."""
    own = [path for path in (ROOT / "docs").rglob("*") if path.is_file()]
    beside = [path for pattern in BESIDE for path in ROOT.glob(pattern)]
    found = {path.relative_to(ROOT).as_posix(): path.relative_to(ROOT / "docs").as_posix() for path in own}
    found = {name: place.replace(".ipynb", ".md") for name, place in found.items()}
    for name in (path.relative_to(ROOT).as_posix() for path in beside):
        found[name] = f"project/{name if '/' in name else name.lower()}"
    return found


def page(name: str, text: str, places: dict[str, str]) -> str:
    """The text of a page with its links as they are in the site; the limits of an interval stay on one line.

    Raises:
        FileNotFoundError: a link leads to no file.
    """

    def led(match: re.Match[str]) -> str:
        before, link, anchor, after = match.groups()
        if re.match(r"[a-z]+:", link):
            return match[0]
        file = normpath(PurePosixPath(name).parent / link)
        if not (ROOT / file).exists():
            raise FileNotFoundError(f"{name}: {link}")
        here = PurePosixPath(places[name]).parent
        there = relpath(places[file], here) if file in places else f"{REPOSITORY}/{file}"
        return f"{before}{there}{anchor or ''}{after}"

    pieces = FENCED.split(text)
    found = (one if one.startswith("```") else INTERVAL.sub("\\1\u00a0\\2", LINK.sub(led, one)) for one in pieces)
    return "".join(found)


def cells(notebook: str, name: str) -> str:
    """A notebook as a page; `name` is of the file, which can be downloaded there."""
    pieces = []
    for cell in json.loads(notebook)["cells"]:
        source = "".join(cell["source"])
        pieces.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        pieces += [shown(one) for one in cell.get("outputs", ())]
    title, *rest = pieces
    return "\n\n".join([title, f"[Download this notebook]({name})", *rest]) + "\n"


def shown(output: dict[str, Any]) -> str:
    data = {kind: "".join(value) for kind, value in output.get("data", {}).items()}
    if "text/html" in data:
        line = " ".join(data["text/html"].split())  # a line without an end in it is one block of HTML
        return f'<div class="output">{line}</div>'
    if "image/svg+xml" in data:
        svg = base64.b64encode(data["image/svg+xml"].encode()).decode()
        return f'<div class="output"><img alt="The chart" src="data:image/svg+xml;base64,{svg}"></div>'
    return f"```text\n{data.get('text/plain') or ''.join(output['text'])}\n```"


def main(pages: Path) -> None:
    shutil.rmtree(pages, ignore_errors=True)
    found = places()
    for name, place in found.items():
        there = pages / place
        there.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".ipynb"):
            shutil.copyfile(ROOT / name, there.with_suffix(".ipynb"))
            there.write_text(cells((ROOT / name).read_text("utf-8"), Path(name).name), "utf-8")
        elif name.endswith(".md"):
            there.write_text(page(name, (ROOT / name).read_text("utf-8"), found), "utf-8")
        else:
            shutil.copyfile(ROOT / name, there)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "build" / "pages")
