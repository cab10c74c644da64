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

Segments = tuple[Segment, ...]
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
        width: of the layer's states; rows may bring more along behind them (`cosmos3.backbone.Understanding`).
    """

    layer: int
    positions: Sequence[int]
    change: Change
    width: int


Own = tuple[Placed, ...]
"""The edits of one sequence."""


@dataclass(frozen=True, eq=False)
class RowEdits:
    """The edits of a batch [rows, columns, ...] that is run in one pass.

    Attributes:
        own: of every row.
        first: position that every row has in the first column; negative where padding stands in front.
        columns: those in which every row's positions stand, from `first` on, where these are not all columns: padding
            stands behind, or in between.
    """

    own: Sequence[Own]
    first: Sequence[int]
    columns: Sequence[Sequence[int]] | None = None

    @classmethod
    def of(
        cls,
        own: Sequence[Own] | None,
        first: Iterable[int] | None = None,
        columns: Iterable[Sequence[int]] | None = None,
    ) -> RowEdits | None:
        """None where nothing is edited; `first` is 0 for every row by default."""
        if own is None or not any(own):
            return None
        begins = [0] * len(own) if first is None else list(first)
        return cls(own, begins, None if columns is None else list(columns))

    def at(self, layer: int, hidden: Tensor) -> Tensor:
        """The states [rows, columns, width] of a layer as they are after it: themselves where nothing is changed."""
        changed = hidden
        for row, (own, first) in enumerate(zip(self.own, self.first, strict=True)):
            standing = range(hidden.shape[1]) if self.columns is None else self.columns[row]
            for edit in own:
                if edit.layer != layer:
                    continue
                found, places = _columns(edit.positions, first, len(standing))
                if not found:
                    continue
                columns = [standing[column] for column in found]
                rows = changed[row, columns, : edit.width]
                made = edit.change(rows, places)
                if made is rows:
                    continue
                if changed is hidden:
                    changed = hidden.clone()
                changed[row, columns, : edit.width] = made
        return changed


@dataclass(frozen=True, eq=False)
class Asked:
    """The edits of a batch, for whoever runs it.

    Attributes:
        edits: of every sample.
        segments: of every sample's prompt (`Encoded.segments`).
        name: of the model, for errors.
        sizes: blocks and width of each stack that is run.
        inside: of every sample, what the positions of a stack are, where these are not those of the prompt.
    """

    edits: Edits
    segments: Sequence[Segments]
    name: str
    sizes: Mapping[Stack, tuple[int, int]]
    inside: Mapping[Stack, Sequence[Segments]] = field(default_factory=dict)

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
        segments: Sequence[Segments] | None = None,
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
        found = []
        for sample in range(len(self.edits)):
            found.append(self.own(sample, branch, stack, None if segments is None else segments[sample]))
        return found if any(found) else None

    def own(
        self,
        sample: int,
        branch: Literal["conditional", "unconditional"] = "conditional",
        stack: Stack = "backbone",
        segments: Segments | None = None,
    ) -> Own:
        """Of one sample what `of` gives."""
        read = "the prompt" if segments is None else f"the {branch} branch"
        parts = self.inside.get(stack, self.segments)[sample] if segments is None else segments
        found = []
        for edit in self.edits[sample]:
            if edit.stack not in self.sizes:
                raise UsageError(f"{self.name} runs no {edit.stack!r} here to edit, but its {', '.join(self.sizes)}")
            if edit.stack == stack and edit.branch in (branch, "both"):
                blocks, width = self.sizes[stack]
                positions = _checked(edit, parts, self.name, blocks, width, read)
                found.append(Placed(edit.layer, positions, edit.change, width))
        return tuple(found)

    def branches(self, *others: Sequence[Segments], stack: Stack = "backbone") -> list[Own] | None:
        """Of every sample the edits for the branch that reads its prompt, then those for every branch of guidance
        beside it, one branch after the other; None where there are none at all.

        Args:
            others: what every sample reads in each of the other branches that are run.
            stack: whose edits are wanted.

        Raises:
            UsageError: a branch has no such position.
        """
        nothing: list[Own] = [()] * len(self.edits)
        found = list(self.of(stack=stack) or nothing)
        for segments in others:
            found += self.of("unconditional", stack, segments) or nothing
        return found if any(found) else None

    def no_response(self, reason: str, stack: Stack = "backbone") -> None:
        """Refuses edits of a stack behind prompts, where nothing is run behind them.

        Raises:
            UsageError: there is such an edit; says the reason.
        """
        for edit in (edit for own in self.edits for edit in own):
            if edit.at == "response" and edit.stack == stack:
                raise UsageError(f"layer {edit.layer} of {self.name} has no positions that are 'response': {reason}")

    def changing(self) -> list[bool]:
        """Of every sample whether anything is changed, and not just read."""
        return [any(not isinstance(edit.change, Read) for edit in own) for own in self.edits]


def bare(length: int) -> Segments:
    """What so many positions are that a branch of guidance reads in the place of a prompt."""
    return (Segment(0, length, "text", "template"),) if length else ()


def drawn_with(edits: Sequence[Own] | None, samples: int, members: Sequence[int], rows: int) -> list[Own] | None:
    """The edits of some samples in every branch; None where there are none.

    Args:
        edits: of all samples, branch after branch (`Asked.branches`).
        samples: how many there are.
        members: those that are wanted.
        rows: that every branch has: behind the members stand copies that only fill up, of which none is edited.
    """
    if edits is None:
        return None
    found: list[Own] = []
    for begin in range(0, len(edits), samples):
        found += [edits[begin + member] for member in members]
        found += [()] * (rows - len(members))
    return found if any(found) else None


def _checked(edit: Edit, segments: Segments, name: str, blocks: int, width: int, read: str) -> Sequence[int]:
    if not 0 <= edit.layer <= blocks:
        raise UsageError(
            f"{name} has no layer {edit.layer} to edit: it has layers 0 (what its first block reads) to {blocks}"
        )
    where = f"layer {edit.layer} of {name}"
    positions = _positions(edit.at, segments, where, read)
    if isinstance(edit.change, Read):
        return positions
    values = edit.change.values
    if values.ndim not in (1, 2) or values.shape[-1] != width:
        raise UsageError(f"{where}: rows are {width} wide; the edit's values have the shape {list(values.shape)}")
    if not bool(torch.isfinite(values).all()):
        raise UsageError(f"{where}: the edit's values hold numbers that are not finite")
    if values.ndim == 2 and not isinstance(edit.change, ProjectOut) and len(values) != len(positions):
        said = "positions without an end" if _endless(positions) else f"{len(positions)} positions"
        raise UsageError(f"{where}: {len(values)} rows of values for {said}; give as many, or one row [{width}]")
    return positions


def _positions(at: At, segments: Segments, where: str, read: str) -> Sequence[int]:
    length = segments[-1].stop if segments else 0
    if isinstance(at, str):
        if at == "all":
            return range(_BEHIND)
        if at == "response":
            return range(length, _BEHIND)
        found = [position for part in segments if part.role == at for position in range(part.start, part.stop)]
        if not found:
            roles = ", ".join(dict.fromkeys([*(part.role for part in segments), "response"]))
            raise UsageError(f"{where}: {read} has no positions that are {at!r}; it has {roles} and all")
        return found
    found = [at] if isinstance(at, int) else list(at)
    for position in found:
        if not -length <= position < length:
            raise UsageError(f"{where}: there is no position {position}; {read} has {length}, counted from 0")
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
    """Orthonormal rows [rank, width] that span the directions; directions of no length span nothing.

    What the directions differ by in their last digits alone is no direction of its own.
    """
    rows = directions.reshape(-1, directions.shape[-1]).double()
    _, sizes, basis = torch.linalg.svd(rows, full_matrices=False)
    known = torch.finfo(directions.dtype if directions.is_floating_point() else torch.float64).eps
    return basis[sizes > sizes.amax().clamp_min(torch.finfo(torch.float64).tiny) * max(rows.shape) * known]
