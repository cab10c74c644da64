"""What units of this study hold beside what words drawn and told have in common, as it stands in their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unispect.studies.aphasia.records import Describable, ScoredInputs


@dataclass(frozen=True, kw_only=True)
class DescribeInputs(Describable):
    """Inputs of `describe`; `picture` as in `items.Somebody`."""

    picture: Mapping[str, Any]
    prompt: str


@dataclass(frozen=True, kw_only=True)
class LookInputs(ScoredInputs):
    """Inputs of `look`: a question about a true picture."""

    picture: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class WithPicture:
    """Inputs that may hold a true picture."""

    picture: Mapping[str, Any] | None = None
