"""A prompt that was measured for several seeds counts once, and findings name the seeds they rest on."""

from dataclasses import replace

from unispect.core.cards import ModelCard
from unispect.core.units import Entry, Record, Unit
from unispect.studies.encoding.traces import traces_of
from unispect.studies.encoding.view import view

CARD = ModelCard("tiny", "fake", "", None, 64, 4, revision="1")


def entry(prompt: str, modality: str, seed: int, value: float, preset: str = "controlled") -> Entry:
    inputs = {"id": prompt, "modality": modality, "group": "g", "prompt": {"text": f"{prompt} {modality}"}}
    unit = Unit("encoding", 3, "trajectory", CARD.reference, inputs, {"preset": preset, "goal": "text"}, seed)
    main = "content" if preset == "paper" else "value"
    names = ("half", "double", *(("full",) if preset == "paper" else ("null", "shared", "standardised", "error")))
    curves = {name: [value, value + 1.0] for name in (main, *names)}
    return Entry(unit, Record(unit.id, {"k": 4, "rows": 9, "full_rows": 12, **curves}))


ONCE = [entry(str(n), modality, 3, n / 10) for n in range(4) for modality in ("text", "image")]
AGAIN = [entry(str(n), modality, 5, n / 10 + 0.5) for n in range(4) for modality in ("text", "image")]


def test_curves_of_several_seeds_are_their_mean():
    (one,) = traces_of([ONCE[0], AGAIN[0]], {CARD.reference: "tiny"})
    assert one.seeds == (3, 5)
    assert tuple(one.curve) == (0.25, 1.25)
    assert tuple(one.more["null"]) == (0.25, 1.25)
    assert [trace.seeds for trace in traces_of(ONCE, {CARD.reference: "tiny"})] == [(3,)] * len(ONCE)


def test_another_prompt_of_the_same_name_is_another_prompt():
    other = entry("0", "text", 5, 1.0)
    other = Entry(replace(other.unit, inputs={**other.unit.inputs, "prompt": {"text": "x"}}), other.record)
    assert len(traces_of([ONCE[0], other], {CARD.reference: "tiny"})) == 2


def test_the_number_of_prompts_does_not_grow_with_seeds():
    cards = {CARD.reference: CARD}
    once, twice = view(ONCE, cards), view([*ONCE, *AGAIN], cards)
    assert {finding.seeds for finding in once.findings} == {(3,)}
    assert {finding.seeds for finding in twice.findings} == {(3, 5)}
    ns = [[one.interval.n for one in section.findings if one.interval] for section in (once, twice)]
    assert ns[0]
    assert ns[0] == ns[1]
