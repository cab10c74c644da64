"""The documentation as a site: every page has a place, every link leads somewhere, every command and name is there."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import unispect
from bench import site
from tests.helpers.browser import chromium, tab
from unispect.cli.app import build_app
from unispect.studies.registry import all_studies

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
SETTINGS = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.M | re.S)
NAMED = re.compile(r"^::: (\S+)$", re.M)
OPEN = ("...",)
"""What stands for the reader's own in a command."""
SHOWN = (
    "index.html",
    "notebooks/first_look.html",
    "api/index.html",
    "statistics.html",
    "results/zoo.html",
    "promises.html",
)
"""Pages with the widest tables, codes, outputs and pictures."""
WIDER = """[...document.querySelectorAll(".md-content *")].filter(one => {
  if (one.getBoundingClientRect().right <= innerWidth + 1) return false;
  for (let frame = one; frame !== document.body; frame = frame.parentElement)
    if (/auto|scroll|hidden/.test(getComputedStyle(frame).overflowX)) return false;
  return true;
}).map(one => one.tagName + " " + one.textContent.slice(0, 40))"""
"""What is cut off at the right and stands in no frame that scrolls."""


def of_nav(entries: Any) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            for place in entry.values():
                yield from (place,) if isinstance(place, str) else of_nav(place)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every `unispect ...` in a block of code, with its page."""
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        for language, block in FENCE.findall(path.read_text("utf-8")):
            if language in ("", "bash", "sh"):
                for line in block.replace("\\\n", " ").splitlines():
                    tokens = shlex.split(line, comments=True)
                    if tokens[:1] == ["unispect"] and not set(tokens) & set(OPEN):
                        yield path.relative_to(ROOT).as_posix(), tokens[1:]


def test_every_page_has_one_place_in_the_navigation() -> None:
    pages = [place for place in site.places().values() if place.endswith(".md")]
    listed = list(of_nav(SETTINGS["nav"]))
    assert sorted(listed) == sorted(pages), "add the page to `nav` in zensical.toml"


def test_links_are_led_to_where_pages_stand_in_the_site() -> None:
    places = {"docs/guide/a.md": "guide/a.md", "docs/b.md": "b.md", "SECURITY.md": "project/security.md"}
    places["docs/chat.md"] = "chat.md"
    text = "[a](../chat.md#names) [b](../../SECURITY.md) [c](../../Makefile) [d](https://x.org/a.md) [e](#here)\n"
    code = "```\n[f](nowhere.md)\n```\n"
    assert site.page("docs/guide/a.md", text + code, places) == (
        "[a](../chat.md#names) [b](../project/security.md) "
        f"[c]({site.REPOSITORY}/Makefile) [d](https://x.org/a.md) [e](#here)\n{code}"
    )
    with pytest.raises(FileNotFoundError, match=r"docs/b\.md: nowhere\.md"):
        site.page("docs/b.md", "[x](nowhere.md)", places)


def test_every_row_of_a_table_stands_on_one_line() -> None:
    for name in site.places():
        text = FENCE.sub("", (ROOT / name).read_text("utf-8")) if name.endswith(".md") else ""
        broken = [line for line in text.splitlines() if line.startswith("|") and not line.rstrip().endswith("|")]
        assert not broken, name


def test_a_notebook_is_a_page_with_its_outputs() -> None:
    outputs = [
        {"output_type": "execute_result", "data": {"text/html": ["<b>\n", "\n", "x</b>"], "text/plain": ["x"]}},
        {"output_type": "execute_result", "data": {"image/svg+xml": "<svg/>"}},
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title"]},
        {"cell_type": "code", "source": ["1\n", "2"], "outputs": outputs},
    ]
    text = site.cells(json.dumps({"cells": cells}), "n.ipynb")
    assert text.startswith("# Title\n\n[Download this notebook](n.ipynb)\n\n```python\n1\n2\n```\n\n")
    assert '<div class="output"><b> x</b></div>' in text
    assert '<img alt="The chart" src="data:image/svg+xml;base64,PHN2Zy8+">' in text
    assert text.endswith("```text\na\nb\n```\n")


def test_the_reference_names_the_public_api_and_nothing_that_is_not_there() -> None:
    public = NAMED.findall((DOCS / "api" / "index.md").read_text("utf-8"))
    assert sorted(public) == sorted(f"unispect.{name}" for name in unispect.__all__)
    further = [name for path in (DOCS / "api").glob("*.md") for name in NAMED.findall(path.read_text("utf-8"))]
    assert len(further) == len(set(further)) > 60
    for name in set(further) - set(public):
        module, _, value = name.rpartition(".")
        assert getattr(import_module(module), value).__doc__, name


def test_every_study_has_a_page_that_says_what_how_and_what_not() -> None:
    overview = (DOCS / "studies" / "index.md").read_text("utf-8")
    for study in all_studies().values():
        text = (DOCS / "studies" / f"{study.name}.md").read_text("utf-8")
        assert text.startswith(f"# {study.name}\n"), study.name
        assert {"## Run it", "## Limits"} <= set(re.findall(r"^## .*$", text, re.M)), study.name
        assert f"unispect run {study.name} " in text
        assert f"[{study.name}]({study.name}.md)" in overview


@pytest.mark.parametrize(
    ("page", "tokens"), list(commands()), ids=lambda value: value if isinstance(value, str) else None
)
def test_every_command_of_the_pages_is_understood(page: str, tokens: list[str]) -> None:
    build_app().parse_args(tokens, exit_on_error=False, print_error=False)


def built(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built from the pages as they are, without a warning."""
    pytest.importorskip("zensical", reason="make test-docs brings it")
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", folder)
    (folder / "src").symlink_to(ROOT / "src")
    site.main(folder / "build" / "pages")
    done = built(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout + done.stderr
    return folder / "build" / "docs"


@pytest.mark.slow
def test_every_name_has_its_entry_and_no_page_asks_another_server(whole: Path) -> None:
    reference = (whole / "api" / "index.html").read_text("utf-8")
    assert all(f'id="unispect.{name}"' in reference for name in unispect.__all__)
    for page in whole.rglob("*.html"):
        asked = re.findall(r'<(?:script|img|link)[^>]*?(?:src|href)="(https?:[^"]*)"', page.read_text("utf-8"))
        assert not [one for one in asked if "canonical" not in one], f"{page.name} asks another server"


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_the_screen(width: int, whole: Path, tmp_path: Path) -> None:
    if (program := chromium()) is None:
        pytest.skip("no chromium")
    with tab(program, tmp_path) as page:
        page.resize(width)
        for name in SHOWN:
            page.open((whole / name).as_uri())
            page.value("window.scrollTo(1000, 0)")
            assert page.value("window.scrollX") == 0, name
            assert not page.value(WIDER), name


@pytest.mark.slow
@pytest.mark.parametrize("link", ["nowhere.md", "other.md#nowhere", "#nowhere"])
def test_a_link_that_leads_nowhere_ends_the_build(link: str, tmp_path: Path) -> None:
    pytest.importorskip("zensical", reason="make test-docs brings it")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    pages = tmp_path / "build" / "pages"
    pages.mkdir(parents=True)
    text = (tmp_path / "zensical.toml").read_text("utf-8")
    settings = re.sub(r"^nav = \[\n.*?^\]\n", "", text, flags=re.M | re.S).replace('paths = ["src"]', "paths = []")
    (tmp_path / "zensical.toml").write_text(settings)
    (pages / "other.md").write_text("# Other\n")
    (pages / "index.md").write_text("# Home\n\n[other](other.md#other)\n")
    assert built(tmp_path).returncode == 0
    (pages / "index.md").write_text(f"# Home\n\n[other]({link})\n")
    assert built(tmp_path).returncode != 0
