"""Over how many claims false verdicts are controlled, said on the page, in the terminal and in what can be saved."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest

from tests.helpers.htmltree import parse
from unispect.cli.findings import say_findings
from unispect.core.findings import Decision, Finding, Interval, Section, Verdict
from unispect.report.downloads import findings_csv, findings_json
from unispect.report.multiplicity import multiplicity
from unispect.report.page import render
from unispect.report.provenance import Provenance

INTERVAL = Interval(
    0.5, 0.3, 0.7, 360, 24, method="Student's t", unit="words", limits=lambda level: (0.5 - level / 5, 0.5 + level / 5)
)


def finding(name, **changes):
    made = Finding(
        name,
        "What is claimed",
        Verdict.SUPPORTED,
        "",
        INTERVAL,
        headline=True,
        chance=0.0,
        decision=Decision(0.002, 1.0),
        adjusted=0.012,
        power=0.81,
    )
    return replace(made, **changes)


def section(name, *findings):
    return Section(name, name, "", findings)


TWO = (
    section("a", finding("one"), finding("two"), finding("control", control=True, headline=False)),
    section("b", finding("three"), finding("four", decision=None), finding("five", verdict=Verdict.NOT_APPLICABLE)),
    section("c", finding("six", decision=None)),
)


def test_claims_families_and_controls_are_counted():
    found = multiplicity(TWO)
    assert (found.claims, found.families, found.controls) == (3, 2, 1)
    assert found.expected == pytest.approx(0.1)
    assert "3 claims rest on tests, in 2 families of 2 sections" in found.sentence
    assert "Nothing is corrected between families, so up to 0.1 of the 2 are expected" in found.sentence
    assert "1 control is decided by itself" in found.sentence


def test_headlines_are_a_family_apart_from_the_other_claims_of_their_section():
    mixed = section("a", finding("one"), finding("two", headline=False), finding("three", headline=False))
    found = multiplicity([mixed])
    assert (found.claims, found.sections, found.families) == (3, 1, 2)
    assert "in 2 families of one section" in found.sentence


def test_one_family_and_none():
    assert "in one family" in multiplicity(TWO[1:]).sentence
    assert "between" not in multiplicity(TWO[1:]).sentence
    assert multiplicity(TWO[2:]).sentence == ""


def test_the_page_says_it_before_any_finding():
    text = render(TWO, title="t", provenance=Provenance(), open_picture=lambda _: b"")
    words = parse(text).words.partition("What the data say")[2]
    assert words.index("up to 0.1 of the 2") < words.index("What is claimed")
    assert "a false verdict or more is at most 5" in words
    assert "unit of inference: words (24)" in words
    assert "p = 0.004" in words
    assert "p = 0.012 among the claims of its family" in words
    assert "power 0.81 to show absence" in words


def test_the_terminal_says_it(capsys):
    say_findings(TWO)
    said = " ".join(capsys.readouterr().out.split())
    assert multiplicity(TWO).sentence in said
    assert "n = 360 in 24 words, adjusted p = 0.012" in said


def test_what_can_be_saved_holds_the_tests():
    (row, *_) = csv.DictReader(io.StringIO(findings_csv(TWO).decode()))
    assert (row["unit"], row["p"], row["p adjusted"], row["power"]) == ("words", "0.004", "0.012", "0.81")
    saved = json.loads(findings_json(TWO, Provenance()))["sections"][0]["findings"][0]
    assert saved["interval"]["unit"] == "words"
    assert saved["decision"] == {"supported": 0.002, "refuted": 1.0}
    assert not math.isnan(saved["adjusted"])
