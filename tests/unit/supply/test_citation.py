"""CITATION.cff holds what format 1.2.0 asks for, and the version that pyproject.toml has."""

import tomllib
from pathlib import Path

from unispect.core.outside import parse_yaml

ROOT = Path(__file__).parents[3]
ALLOWED = {"cff-version", "message", "type", "title", "abstract", "authors", "version", "license", "keywords"}


def test_the_citation_is_of_this_version():
    cited = parse_yaml((ROOT / "CITATION.cff").read_text("utf-8"), "CITATION.cff")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(cited) <= ALLOWED
    assert (cited["cff-version"], cited["type"]) == ("1.2.0", "software")
    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert all(set(author) == {"name"} for author in cited["authors"])
    assert all(isinstance(cited[key], str) and cited[key] for key in ("message", "title", "abstract"))
