"""The section of a model's page: only what the runs say, and texts that are only texts."""

from unispect.core.findings import Finding, Interval, Section, Verdict
from unispect.report.model_card import markdown, model_card
from unispect.report.provenance import ModelFacts, Provenance, RunFacts

GAP = Interval(0.71, 0.65, 0.78, 360, 24, unit="words")
ORIGIN = Provenance(
    (ModelFacts("m", "abc", "owner/m", "read: model.safetensors"),),
    (
        RunFacts(
            "run", "concepts 1", "unispect run concepts", ("m",), (0,), versions={"torch": "2.13"}, root="f00d", done=3
        ),
    ),
    "0.1.0",
)


def finding(claim: str, verdict: Verdict = Verdict.SUPPORTED, model: str = "m", **more) -> Finding:
    return Finding(claim, claim, verdict, "", GAP, model, headline=True, **more)


def test_verdicts_with_intervals_and_how_they_were_made():
    sections = [
        Section("concepts", "C", "", (finding("It draws."), finding("It tells.", Verdict.CANNOT_TELL))),
        Section("families", "F", "", (finding("Families differ."),), study=False),
        Section(
            "other", "O", "", (finding("All models do.", model=""), finding("Of a revision.", model="m, 20 steps"))
        ),
    ]
    text = model_card(sections[:2], ORIGIN)
    assert "| It draws. | supported | 0.71 \\[0.65, 0.78\\] | n 360, 24 words |" in text
    assert "| It tells. | cannot tell |" in text
    assert "Families differ" not in text, "no study stands behind it"
    for said in ("f00d", "torch 2.13", "    unispect run concepts", "m@abc", "There are no planted controls"):
        assert said in text
    whole = model_card(sections, ORIGIN)
    assert "### m, 20 steps\n\n| claim" in whole, "by the name of its findings, which is not that of its card"
    assert "| Of a revision. |" in whole
    assert "All models do." not in whole


def test_a_control_is_no_finding_of_its_model():
    planted = finding("It tells nothing.", control=True)
    text = model_card([Section("s", "S", "", (finding("It draws."), planted))], ORIGIN)
    assert "It draws." in text
    assert "It tells nothing." not in text


def test_what_is_missing_and_controls_that_fail_stand_first():
    control = Finding("c", "It tells nothing.", Verdict.NOT_SUPPORTED, "", model="mute", control=True)
    origin = Provenance(ORIGIN.models, ORIGIN.runs, "0.1.0", gaps=("3 of 10 units left no record",))
    lines = model_card([Section("s", "S", "", (finding("It draws."), control))], origin).splitlines()
    head = lines[: lines.index("### m")]
    assert "**Incomplete:** 3 of 10 units left no record" in head
    assert "**Planted controls in these runs: 1 of 1 did not come out.**" in head


def test_nothing_of_a_hostile_text_is_markup():
    said = markdown("<script>x</script> [a](http://b) | *b* `c` _d_ \u202e\n# e")
    assert "<" not in said
    assert "\n" not in said
    assert "http://" not in said, "no address becomes a link"
    for linked in (
        "www.a.de",
        "WWW.a.de",
        "x @owner",
        "(@owner)",
        "_@owner",
        "me@a.de",
        "mailto:me@a.de",
        "https://a.de",
    ):
        assert linked not in markdown(linked).replace("\\", "")
        assert markdown(linked).replace("\\", "").replace("\u2060", "") == linked
    assert markdown("m@0123abc") == "m@0123abc", "a revision is neither"
    assert "⟨U+202E⟩" in said
    assert r"\[a\](" in said
    assert r"\|" in said
