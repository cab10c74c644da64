import math

import pytest

from unispect.cli import findings
from unispect.cli.findings import interval_text, say_findings
from unispect.core.findings import Bearing, Finding, Interval, Preset, Section, Verdict

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
    ("verdict", "line"),
    [
        (Verdict.SUPPORTED, "Controls: 1 of 1 came out as planted."),
        (Verdict.NOT_SUPPORTED, "THE INSTRUMENT FAILED (1 of 1): mute: It tells nothing."),
        (Verdict.CANNOT_TELL, "THE INSTRUMENT FAILED (1 of 1)"),
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
