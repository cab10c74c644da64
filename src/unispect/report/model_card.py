"""What runs say about models as a section in Markdown, for the page of a model on a hub."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from unispect.core.findings import Finding, Section
from unispect.core.shown import clip, visible
from unispect.report.instrument import Trust, instrument
from unispect.report.numbers import estimate, limits
from unispect.report.provenance import Provenance, RunFacts

_LONGEST = 400
_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_LINKED = re.compile(r":(?=//)|\bwww(?=\.)|(?<![^\W_])@|@(?=[\w-]+\.\w)", re.IGNORECASE)
"""Where hubs see an address, a mention or a mailbox: behind it, a word joiner keeps them from it."""


def model_card(sections: Sequence[Section], provenance: Provenance) -> str:
    """Headline findings of every model with interval and sample, the controls, and how the runs were made.

    Nothing is said beyond the verdicts of the runs: no finding over several models, and for each the unit of inference.
    """
    lines = [
        "## Measured with unispect",
        "",
        "Every verdict holds for the weights named below and for the units that its sample is counted in, and for "
        "nothing else.",
        "",
    ]
    for gap in provenance.gaps:
        lines += [f"**Incomplete:** {markdown(gap)}", ""]
    lines += [_controls(sections), ""]
    found = [*_headlines(sections)]
    for model in dict.fromkeys(one.model for one in found):
        lines += [*_findings(model, [one for one in found if one.model == model])]
    lines += ["### How it was made", "", f"unispect {markdown(provenance.version)}", ""]
    for run in provenance.runs:
        lines += [*_table(("run", markdown(run.name)), [(name, markdown(value)) for name, value in _facts(run)]), ""]
        lines += [*(f"    {line}" for line in visible(run.command).splitlines()), ""]
    weights = [
        (markdown(f"{one.id}@{one.revision}"), markdown(one.source), markdown(one.note)) for one in provenance.models
    ]
    lines += _table(("model", "weights", ""), weights)
    return "\n".join(lines) + "\n"


def markdown(text: str) -> str:
    """A text that Markdown shows as it stands, on one line: no markup, no HTML, no link, nobody mentioned."""
    line = " ".join(visible(clip(text, _LONGEST)).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", _LINKED.sub("\\g<0>\u2060", line))


def _controls(sections: Sequence[Section]) -> str:
    found = instrument(sections)
    if found.trust is Trust.PASSED:
        return f"Planted controls in these runs: all {len(found.passed)} came out as planted."
    if found.trust is Trust.FAILED:
        return f"**Planted controls in these runs: {len(found.failed)} of {len(found.controls)} did not come out.**"
    if found.trust is Trust.OPEN:
        return f"Planted controls in these runs: of {len(found.open)} of {len(found.controls)} they cannot tell."
    return "There are no planted controls in these runs."


def _headlines(sections: Sequence[Section]) -> Iterator[Finding]:
    """What is said of one model, by the name that its findings have: its id, or more where revisions share it."""
    for section in sections:
        if section.study:
            yield from (one for one in section.findings if one.model and one.headline and not one.control)


def _findings(model: str, own: Iterable[Finding]) -> Iterator[str]:
    yield f"### {markdown(model)}"
    yield ""
    yield from _table(("claim", "verdict", "estimate, 95 %", "sample"), map(_row, own))
    yield ""


def _row(one: Finding) -> tuple[str, ...]:
    preset = f" ({one.preset} preset)" if one.preset else ""
    number = sample = ""
    if one.interval:
        number = f"{estimate(one.interval)} {limits(one.interval)}"
        unit = one.interval.unit or "clusters"
        sample = f"n {one.interval.n:,}, {one.interval.clusters:,} {unit}"
    return tuple(map(markdown, (one.claim + preset, one.verdict, number, sample)))


def _facts(run: RunFacts) -> Iterator[tuple[str, str]]:
    yield "study", run.study
    yield "root", run.root
    yield "seeds", ", ".join(map(str, run.seeds))
    yield "units", f"{run.done:,} done, {run.failed:,} failed, {run.skipped:,} skipped"
    yield from run.settings.items()
    yield "versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
