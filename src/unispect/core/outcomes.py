"""What one record says by itself, for whoever looks at records one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outcome:
    """One record, read.

    Attributes:
        asked: prompt or question.
        told: what was written or chosen, as the model put it; empty where it only drew.
        truth: what was asked about -> what is right.
        found: what was asked about -> what was drawn or told, None where nothing clear was.
        credit: 1 for right, 0 for wrong, a share in between (attributes, orders, ties); None where the study calls
            nothing right, or nobody has graded it yet.
        group: of records that belong together ("words of a lexicon, drawn by name").
        about: what it is about, equal for records that stand and fall together: the cluster of every interval.
        per: what that is, in the plural: the unit of inference.
        curves: name -> a number for every layer, the main one first.
        shown: the picture that was put into the prompt, as the concept world renders it: attribute -> value.
    """

    asked: str = ""
    told: str = ""
    truth: Mapping[str, str] = field(default_factory=dict)
    found: Mapping[str, str | None] = field(default_factory=dict)
    credit: float | None = None
    group: str = ""
    about: str = ""
    per: str = "questions"
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
