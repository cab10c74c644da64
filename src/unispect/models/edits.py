"""What is changed in a model's states while it runs: interventions, as `unispect.models.base.Intervenes` takes them.

An edit names a layer, positions of one sample and a change of the rows that stand there. Layer 0 is the input of the
first block, layer i the output of block i, as in `UnifiedModel.states`; whatever is above the layer, and all that
follows, is computed from the changed rows.

    swap = Edit(layer=2, at=spans(model, encoded, "dax")[0], change=Replace(rows))
    model.score(encoded, answers, edits=[[swap]])

Replacing rows by those of another run is activation patching, also called an interchange intervention (Vig et al. 2020,
arXiv 2004.12265; Geiger et al. 2021, arXiv 2106.02997; Meng et al. 2022, arXiv 2202.05262).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor

from unispect.core.errors import UsageError
from unispect.core.prompts import Role, Segment

Branch = Literal["conditional", "unconditional", "both"]
"""Of a drawing with guidance: the pass that reads the prompt, the one that reads none (or another), or both."""
Stack = Literal["backbone", "decoder"]
"""The language model, or the second network that draws, of a model that has one (`DrawsApart`)."""
At: TypeAlias = "int | Sequence[int] | Role | Literal['all']"
"""Positions of a sample's prompt, negative ones counted from its end; or what they are: those of a role in
`Encoded.segments`. "response" is every position behind the prompt, "all" every position there is."""

_BEHIND: Final = 2**31
_BRANCHES: Final = ("conditional", "unconditional")


@dataclass(frozen=True, eq=False)
class Replace:
    """Other rows in the place of those that are there.

    Attributes:
        values: [positions, width], or [width] for every position.
    """

    values: Tensor

    def __call__(self, rows: Tensor, places: Sequence[int]) -> Tensor:
        return _rows(self.values, places).to(rows).expand_as(rows)


@dataclass(frozen=True, eq=False)
class Add:
    """Something added to the rows: steering (Turner et al. 2023, arXiv 2308.10248).

    Attributes:
        values: [positions, width], or [width] for every position.
        scale: what they are multiplied by.
    """

    values: Tensor
    scale: float = 1.0

    def __call__(self, rows: Tensor, places: Sequence[int]) -> Tensor:
        return rows + self.scale * _rows(self.values, places).to(rows)


@dataclass(frozen=True, eq=False)
class ProjectOut:
    """The rows without what lies along some directions (Ravfogel et al. 2020, arXiv 2004.07667).

    Attributes:
        values: the directions, [width] or [directions, width]; they need not be orthogonal or of length one.
    """

    values: Tensor

    def __call__(self, rows: Tensor, places: Sequence[int]) -> Tensor:
        basis = _basis(self.values).to(rows)
        return rows - (rows @ basis.T) @ basis


@dataclass(frozen=True, eq=False)
class Read:
    """The rows as they are, kept aside: what the pass itself holds, to the last digit.

    Attributes:
        found: gets a tensor [positions, width], on the model's device, each time that the positions are run: a sampler
            may run them several times.
    """

    found: list[Tensor] = field(default_factory=list)

    def __call__(self, rows: Tensor, places: Sequence[int]) -> Tensor:
        self.found.append(rows.clone())
        return rows


Change = Replace | Add | ProjectOut | Read


@dataclass(frozen=True, eq=False)
class Edit:
    """One intervention in one sample.

    Attributes:
        layer: whose rows are changed; 0 is the input of the first block.
        at: where.
        change: of the rows there.
        branch: of guidance. What has no branches is conditional.
        stack: whose layers are meant.
    """

    layer: int
    at: At
    change: Change
    branch: Branch = "conditional"
    stack: Stack = "backbone"


Edits = Sequence[Sequence[Edit]]
"""Of every sample of a batch."""


@dataclass(frozen=True, eq=False)
class Placed:
    """An edit whose positions are numbers.

    Attributes:
        layer: see `Edit`.
        positions: of the sample's sequence, in the order of the change's rows; a range without an end where everything
            behind the prompt is meant.
        change: see `Edit`.
    """

    layer: int
    positions: Sequence[int]
    change: Change


Own = tuple[Placed, ...]
"""The edits of one sequence."""


@dataclass(frozen=True, eq=False)
class RowEdits:
    """The edits of a batch [rows, columns, ...] that is run in one pass.

    Attributes:
        own: of every row.
        first: position that every row has in the first column; negative where padding stands in front.
    """

    own: Sequence[Own]
    first: Sequence[int]

    @classmethod
    def of(cls, own: Sequence[Own] | None, first: Iterable[int] | None = None) -> RowEdits | None:
        """None where nothing is edited; `first` is 0 for every row by default."""
        if own is None or not any(own):
            return None
        return cls(own, [0] * len(own) if first is None else list(first))

    def at(self, layer: int, hidden: Tensor) -> Tensor:
        """The states [rows, columns, width] of a layer as they are after it: themselves where nothing is changed."""
        changed = hidden
        for row, (own, first) in enumerate(zip(self.own, self.first, strict=True)):
            for edit in own:
                if edit.layer != layer:
                    continue
                columns, places = _columns(edit.positions, first, hidden.shape[1])
                if not columns:
                    continue
                rows = changed[row, columns]
                made = edit.change(rows, places)
                if made is rows:
                    continue
                if changed is hidden:
                    changed = hidden.clone()
                changed[row, columns] = made
        return changed


@dataclass(frozen=True, eq=False)
class Asked:
    """The edits of a batch, for whoever runs it.

    Attributes:
        edits: of every sample.
        segments: of every sample's prompt (`Encoded.segments`).
        name: of the model, for errors.
        sizes: blocks and width of each stack that it has.
    """

    edits: Edits
    segments: Sequence[tuple[Segment, ...]]
    name: str
    sizes: Mapping[Stack, tuple[int, int]]

    def __post_init__(self) -> None:
        if len(self.edits) != len(self.segments):
            raise UsageError(f"{len(self.segments)} samples need as many lists of edits, not {len(self.edits)}")
        for stack in self.sizes:
            for branch in _BRANCHES:
                self.of(branch, stack)

    def of(
        self,
        branch: Literal["conditional", "unconditional"] = "conditional",
        stack: Stack = "backbone",
        segments: Sequence[tuple[Segment, ...]] | None = None,
    ) -> list[Own] | None:
        """Of every sample the edits for a branch and a stack; None where there are none at all.

        Args:
            branch: whose edits are wanted.
            stack: whose edits are wanted.
            segments: of what that branch reads, where these are not the prompts.

        Raises:
            UsageError: a layer, position or width does not exist, or values are not finite; names model and layer, and
                says what there is.
        """
        found: list[Own] = []
        for own, parts in zip(self.edits, segments or self.segments, strict=True):
            for edit in own:
                if edit.stack not in self.sizes:
                    raise UsageError(f"{self.name} has no {edit.stack!r} to edit; it has {', '.join(self.sizes)}")
            wanted = [edit for edit in own if edit.stack == stack and edit.branch in (branch, "both")]
            found.append(
                tuple(
                    Placed(edit.layer, _checked(edit, parts, self.name, *self.sizes[stack]), edit.change)
                    for edit in wanted
                )
            )
        return found if any(found) else None


def _checked(edit: Edit, segments: tuple[Segment, ...], name: str, blocks: int, width: int) -> Sequence[int]:
    if not 0 <= edit.layer <= blocks:
        raise UsageError(
            f"{name} has no layer {edit.layer} to edit: it has layers 0 (what its first block reads) to {blocks}"
        )
    where = f"layer {edit.layer} of {name}"
    positions = _positions(edit.at, segments, where)
    if isinstance(edit.change, Read):
        return positions
    values = edit.change.values
    if values.ndim not in (1, 2) or values.shape[-1] != width:
        raise UsageError(f"{where}: rows are {width} wide; the edit's values have the shape {list(values.shape)}")
    if not bool(torch.isfinite(values).all()):
        raise UsageError(f"{where}: the edit's values hold numbers that are not finite")
    if values.ndim == 2 and not isinstance(edit.change, ProjectOut) and len(values) != len(positions):
        said = "every position behind the prompt" if _endless(positions) else f"{len(positions)} positions"
        raise UsageError(f"{where}: {len(values)} rows of values for {said}; give as many, or one row [{width}]")
    return positions


def _positions(at: At, segments: tuple[Segment, ...], where: str) -> Sequence[int]:
    length = segments[-1].stop
    if isinstance(at, str):
        if at == "all":
            return range(_BEHIND)
        if at == "response":
            return range(length, _BEHIND)
        found = [position for part in segments if part.role == at for position in range(part.start, part.stop)]
        if not found:
            roles = ", ".join(dict.fromkeys(part.role for part in segments))
            raise UsageError(f"{where}: the prompt has no positions that are {at!r}; it has {roles}, response and all")
        return found
    found = [at] if isinstance(at, int) else list(at)
    for position in found:
        if not -length <= position < length:
            raise UsageError(f"{where}: there is no position {position}; the prompt has {length}, counted from 0")
    found = [position % length for position in found]
    if not found or len(set(found)) < len(found):
        raise UsageError(f"{where}: positions {list(at) if not isinstance(at, int) else at} are none, or one twice")
    return found


def _columns(positions: Sequence[int], first: int, count: int) -> tuple[list[int], Sequence[int]]:
    """Columns of a row where positions stand, and which of the positions these are."""
    if isinstance(positions, range):  # may be endless
        start, stop = max(positions.start, first, 0), min(positions.stop, first + count)
        return list(range(start - first, stop - first)), range(start - positions.start, stop - positions.start)
    places = [place for place, position in enumerate(positions) if first <= position < first + count]
    return [positions[place] - first for place in places], places


def _endless(positions: Sequence[int]) -> bool:
    return isinstance(positions, range) and positions.stop == _BEHIND


def _rows(values: Tensor, places: Sequence[int]) -> Tensor:
    return values if values.ndim == 1 else values[list(places)]


def _basis(directions: Tensor) -> Tensor:
    """Orthonormal rows [rank, width] that span the directions; directions of no length span nothing."""
    rows = directions.reshape(-1, directions.shape[-1]).double()
    _, sizes, basis = torch.linalg.svd(rows, full_matrices=False)
    return basis[sizes > sizes.amax().clamp_min(torch.finfo(torch.float64).tiny) * 1e-10]
