"""References to docs/sources and links between pages lead to headings that are there; none to notes that nobody has."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "docs" / "sources"
MODELS = ROOT / "src" / "unispect" / "models"
READ = ("src", "tests", "docs", "reproductions", "bench", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
REFERENCE = re.compile(r"([\w-]+)\.md((?:(?:,| and)?\s*(?:# )?\(?#[a-z][\w-]*)+)")
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
NOTES = re.compile(r"\bFACTS\b|\bfacts/")
FIXTURES = ("tests/parity/test_janus_flow.py", "tests/parity/test_janus_pro.py")
"""They pass over a file of that name in the folder of fixtures."""


def texts() -> Iterator[tuple[str, str]]:
    for place in READ:
        here = ROOT / place
        for path in [here] if here.is_file() else sorted(here.rglob("*")):
            if path.suffix in (".py", ".md") and path != Path(__file__):
                yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def headings(page: str) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    found = re.findall(r"^#+ (.+)$", FENCED.sub("", page), re.M)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in found}


PAGES = {path.stem: headings(path.read_text("utf-8")) for path in SOURCES.glob("*.md")}


def missing(text: str) -> list[str]:
    return [
        f"{page}.md#{anchor}"
        for page, anchors in REFERENCE.findall(text)
        if page in PAGES
        for anchor in re.findall(r"#([a-z][\w-]*)", anchors)
        if anchor not in PAGES[page]
    ]


@pytest.mark.slow
def test_references_to_sources_lead_to_headings() -> None:
    lost = {name: found for name, text in texts() if (found := missing(text))}
    assert not lost


def test_pages_that_are_named_exist() -> None:
    named = {page for _, text in texts() for page in re.findall(r"docs/sources/([\w-]+)\.md", text)}
    assert named
    assert named <= set(PAGES)


@pytest.mark.parametrize("family", [path.parent.name for path in sorted(MODELS.glob("*/card.py"))])
def test_every_family_names_its_page(family: str) -> None:
    code = "".join(path.read_text("utf-8") for path in (MODELS / family).glob("*.py"))
    assert f"docs/sources/{family.replace('_', '-')}.md#" in code


def test_links_between_pages_lead_to_files_and_headings() -> None:
    lost = []
    for name, text in texts():
        for link in re.findall(r"\]\(([^)\s]+)\)", text) if name.endswith(".md") else ():
            if not link.startswith("http"):
                file, _, anchor = link.partition("#")
                page = (ROOT / name).parent / file if file else ROOT / name
                of_page = anchor and page.suffix == ".md"  # behind a picture: in which colours it is shown
                if not page.exists() or (of_page and anchor not in headings(page.read_text("utf-8"))):
                    lost.append(f"{name}: {link}")
    assert not lost


def test_a_heading_that_is_not_there_is_found() -> None:
    assert missing("docs/sources/bagel.md#drawing, #layout and #nowhere (harmon.md#never)") == [
        "bagel.md#nowhere",
        "harmon.md#never",
    ]


def test_nothing_refers_to_notes_that_nobody_has() -> None:
    assert [name for name, text in texts() if NOTES.search(text)] == sorted(FIXTURES)
