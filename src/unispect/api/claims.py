"""Findings as a notebook shows them."""

from __future__ import annotations

from collections.abc import Iterable

from unispect.core import shown
from unispect.core.findings import Finding
from unispect.report.numbers import estimate, limits


def finding_cells(one: Finding) -> tuple[str, str, str, str]:
    """Model, verdict, claim and the numbers of a finding."""
    number = ""
    if one.interval is not None:
        interval = one.interval
        said = f"{estimate(interval)} {limits(interval)}"
        sample = f"n {interval.n:,}" + (f", {interval.clusters:,} {interval.unit}" if interval.unit else "")
        chance = "" if one.chance is None else f", chance {one.chance:g}"
        number = f'<span class="num">{shown.text(said)}</span> <span class="soft">{shown.text(sample + chance)}</span>'
    about = [f"{one.preset} preset"] if one.preset else []
    about += ["control"] if one.control else []
    claim = shown.text(one.claim) + (f' <span class="soft">({", ".join(about)})</span>' if about else "")
    return shown.text(one.model or "all"), f"<b>{shown.text(one.verdict)}</b>", claim, number


def findings(rows: Iterable[Finding]) -> str:
    """Findings as a table."""
    return shown.table(("model", "verdict", "claim", "estimate"), (finding_cells(one) for one in rows))
