import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.commands import here
from unispect.cli import findings
from unispect.cli.findings import CONTROLS, interval_text, say_findings
from unispect.core.findings import Bearing, Finding, Interval, Preset, Section, Verdict
from unispect.models.registry import cards

GAP = Interval(0.71, 0.65, 0.78, 360, 24)


def section(*findings: Finding) -> Section:
    return Section("concepts", "Concepts", "", findings)


def test_headlines_are_said_with_verdict_interval_and_size(capsys: pytest.CaptureFixture[str]):
    shown = Finding("a", "It [draws].", Verdict.SUPPORTED, "", GAP, "m", Preset.PAPER, headline=True)
    hidden = Finding("b", "Hidden.", Verdict.SUPPORTED, "", GAP)
    say_findings([section(shown, hidden)])
    out = capsys.readouterr().out
    assert "supported: [m, paper preset] It [draws]." in out
    assert "0.71 [0.65, 0.78] at 95%, n = 360 in 24 clusters" in out
    assert "Hidden" not in out


@pytest.mark.parametrize(
    ("verdict", "chance", "why"),
    [
        (Verdict.CANNOT_TELL, 0.5, True),
        (Verdict.CANNOT_TELL, 0.7, False),
        (Verdict.CANNOT_TELL, None, False),
        (Verdict.SUPPORTED, 0.5, False),
    ],
)
def test_what_keeps_a_verdict_open_beyond_chance_is_said(
    verdict: Verdict, chance: float | None, why: bool, capsys: pytest.CaptureFixture[str]
):
    shown = Finding("a", "It draws.", verdict, "One judge says otherwise.", GAP, headline=True, chance=chance)
    say_findings([section(shown)])
    assert ("One judge says otherwise." in capsys.readouterr().out) is why


def test_what_was_left_aside_is_said(capsys: pytest.CaptureFixture[str]):
    shown = Finding("a", "It draws.", Verdict.SUPPORTED, "", GAP, headline=True)
    say_findings([replace(section(shown), aside=("m: 15 measurements left aside.",))])
    assert "m: 15 measurements left aside." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verdict", "line"),
    [
        (Verdict.SUPPORTED, "Controls: 1 of 1 came out as planted."),
        (Verdict.NOT_SUPPORTED, "THE INSTRUMENT FAILED (1 of 1): mute: It tells nothing."),
        (Verdict.CANNOT_TELL, "Controls: cannot tell (1 of 1): mute: It tells nothing."),
        (Verdict.NOT_APPLICABLE, "Controls: none in these runs"),
    ],
)
def test_the_controls_come_first(verdict: Verdict, line: str, capsys: pytest.CaptureFixture[str]):
    say_findings([section(Finding("c", "It tells nothing.", verdict, "", model="mute", control=True, headline=True))])
    assert line in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verdict", "says", "style", "words"),
    [
        (Verdict.SUPPORTED, Bearing.APART, "bold red", "supported (sets it apart): It draws."),
        (Verdict.SUPPORTED, Bearing.ONE, "bold green", "supported (speaks for one model): It draws."),
        (Verdict.NOT_SUPPORTED, Bearing.APART, "bold red", "not supported (sets it apart): It draws."),
        (Verdict.CANNOT_TELL, None, "bold yellow", "cannot tell: It draws."),
        (Verdict.SUPPORTED, None, "bold", "supported: It draws."),
    ],
)
def test_colours_follow_what_a_verdict_means_and_words_say_it_too(
    verdict: Verdict, says: Bearing | None, style: str, words: str, monkeypatch: pytest.MonkeyPatch
):
    said: dict[str, str] = {}
    monkeypatch.setattr(findings, "say", lambda text="", style="": said.update({text.strip(): style}))
    bearing = {verdict: says} if says else {}
    say_findings([section(Finding("a", "It draws.", verdict, "", headline=True, bearing=bearing))])
    assert said[words] == style


def test_an_interval_that_could_not_be_formed_says_why():
    without = Interval(0.5, math.nan, math.nan, 4, 1, method="no interval: one cluster only")
    assert interval_text(without) == "0.5, no interval: one cluster only, n = 4 in 1 cluster"


def test_the_controls_that_are_missing_can_be_had(capsys: pytest.CaptureFixture[str]):
    say_findings([section(Finding("a", "It draws.", Verdict.SUPPORTED, "", GAP, "m", headline=True))])
    said = capsys.readouterr().out
    assert f"unispect run concepts --model {' '.join(CONTROLS)} --out RUN" in said
    assert {cards()[name].planted for name in CONTROLS} == {"fluent", "mute"}


def test_every_finding_of_runs_is_printed_or_only_headlines(small_run: Path, capsys: pytest.CaptureFixture[str]):
    every = json.loads(here(capsys, "findings", small_run, "--json").out)
    headlines = json.loads(here(capsys, "findings", small_run, "--json", "--headlines").out)
    assert headlines == [one for one in every if one["headline"]]
    assert 0 < len(headlines) < len(every)
    assert {"claim", "verdict", "estimate", "low", "high", "model"} <= set(every[0])
    printed = here(capsys, "findings", small_run.parent)
    assert all(one["claim"] in printed.out for one in every)
    assert "name at least one run folder" in here(capsys, "findings").error


def test_a_number_that_is_none_is_not_called_one():
    nothing = Interval(
        math.nan, math.nan, math.nan, 8, 8, method="no interval: undefined on these data", unit="prompts"
    )
    assert interval_text(nothing) == "no value: undefined on these data, n = 8 in 8 prompts"
