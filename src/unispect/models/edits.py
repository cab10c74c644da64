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

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from unispect.core.errors import UsageError, unknown
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
_HALF: Final = (torch.float16, torch.bfloat16)
_ROUNDING: Final = 4.0
"""Last digits by which directions differ that are one and the same."""


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
        basis = self._basis.to(rows.device)
        exact = rows.float() if rows.dtype in _HALF else rows  # a basis in half precision is none
        return (exact - (exact @ basis.T) @ basis).to(rows)

    @cached_property
    def _basis(self) -> Tensor:
        return _basis(self.values).float()


@dataclass(frozen=True, eq=False)
class Read:
    """The rows as they are, kept aside: what the pass itself holds, to the last digit.

    Attributes:
        found: gets a tensor [positions, width], on the model's device, each time that the positions are run. A sampler
            may run them several times, a text for as long as another of the batch goes on, and some models leave rows
            out that nothing sees: `found[0]` is what the first pass held.
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
        for own in self.edits:
            for edit in own:
                if edit.stack not in self.sizes:
                    raise UsageError(
                        f"{self.name} runs no {edit.stack!r} here to edit, but its {', '.join(self.sizes)}"
                    )
                _check_values(edit, self.name, *self.sizes[edit.stack])
        for stack in self.sizes:  # what other branches read, whoever runs them knows
            self.of("conditional", stack)

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
            if edit.stack == stack and edit.branch in (branch, "both"):
                positions = _checked(edit, parts, self.name, read)
                found.append(Placed(edit.layer, positions, edit.change, self.sizes[stack][1]))
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


def understood(edits: Edits, samples: int, name: str) -> Edits:
    """The edits as lists, with layers and positions as whole numbers, however a caller gives them.

    Args:
        edits: of every sample; numbers may be those of numpy or tensors.
        samples: how many there are.
        name: of the model, for errors.

    Raises:
        UsageError: they are no edits, of another number of samples, or name what there is not.
    """
    try:
        every = [list(own) for own in edits]
    except TypeError:
        raise UsageError(f"{name}: edits are a list for every sample, such as [[edit], []]") from None
    if len(every) != samples:
        raise UsageError(f"{samples} samples need as many lists of edits, not {len(every)}")
    return [[_understood(edit, name) for edit in own] for own in every]


def _understood(edit: Edit, name: str) -> Edit:
    if not isinstance(edit, Edit):
        raise UsageError(f"{name}: {edit!r} is no Edit")
    if not isinstance(edit.change, Change):
        raise UsageError(f"{name}: an edit replaces, adds, projects out or reads; {edit.change!r} does none of these")
    for what, known in (("branch", get_args(Branch)), ("stack", get_args(Stack))):
        if getattr(edit, what) not in known:
            raise unknown(f"{what} of an edit", str(getattr(edit, what)), known)
    return replace(edit, layer=_whole(edit.layer, f"{name}: a layer"), at=_places_said(edit.at, name))


def _places_said(at: object, name: str) -> At:
    if isinstance(at, str):
        return at  # pyright: ignore[reportReturnType]  # held to the segments, which name what there is
    listed: object = at.tolist() if hasattr(at, "tolist") else at  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(listed, Iterable):
        return [_whole(position, f"{name}: a position") for position in listed]
    return _whole(listed, f"{name}: a position")


def _whole(value: object, what: str) -> int:
    """A whole number, of Python, numpy or torch; a truth value is none."""
    single = value.item() if hasattr(value, "item") else value  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(single, bool) or not isinstance(single, int):
        raise UsageError(f"{what} is a whole number, not {value!r}")
    return single


def _check_values(edit: Edit, name: str, blocks: int, width: int) -> None:
    """Whether there is the layer, and values that its rows can take."""
    if not 0 <= edit.layer <= blocks:
        raise UsageError(
            f"{name} has no layer {edit.layer} to edit: it has layers 0 (what its first block reads) to {blocks}"
        )
    where = f"layer {edit.layer} of {name}"
    if isinstance(edit.change, Read):
        return
    values = edit.change.values
    if not isinstance(values, Tensor) or values.is_complex():
        raise UsageError(f"{where}: the edit's values are a tensor of real numbers, not {type(values).__name__}")
    if values.ndim not in (1, 2) or values.shape[-1] != width:
        raise UsageError(f"{where}: rows are {width} wide; the edit's values have the shape {list(values.shape)}")
    if not values.numel():
        raise UsageError(f"{where}: the edit has no values")
    if not bool(torch.isfinite(values).all()) or (
        isinstance(edit.change, Add) and not math.isfinite(edit.change.scale)
    ):
        raise UsageError(f"{where}: the edit's values hold numbers that are not finite")


def _checked(edit: Edit, segments: Segments, name: str, read: str) -> Sequence[int]:
    where = f"layer {edit.layer} of {name}"
    positions = _positions(edit.at, segments, where, read)
    if isinstance(edit.change, Read):
        return positions
    values, width = edit.change.values, edit.change.values.shape[-1]
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

    Directions are of length one before they are compared, and what they differ by in their last digits alone, those of
    their own precision, is no direction of its own.
    """
    rows = directions.detach().cpu().reshape(-1, directions.shape[-1]).double()
    lengths = rows.norm(dim=-1, keepdim=True)
    rows = (rows / lengths)[lengths[:, 0] > 0]
    if not len(rows):
        return rows
    _, sizes, basis = torch.linalg.svd(rows, full_matrices=False)
    known = torch.finfo(directions.dtype if directions.is_floating_point() else torch.float64).eps
    return basis[sizes > sizes.amax() * _ROUNDING * known * math.sqrt(len(rows))]
