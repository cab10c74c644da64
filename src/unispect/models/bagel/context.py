"""From prompts to what the backbone is run on: input rows, and what stands where.

A sequence is probed, and learned from, in one pass with the mask of its blocks; that gives the numbers that the authors
get block by block from a growing cache (docs/sources/bagel.md#departures).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.core.prompts import kept_segments
from unispect.models.attention import Heads, Looks, sequence_looks
from unispect.models.bagel.backbone import MotLayer, Routes, routed
from unispect.models.bagel.layout import Block, Kind, Layout, lay_out, without_last_text, without_pictures
from unispect.models.bagel.network import BagelNetwork
from unispect.models.bagel.processing import Inputs
from unispect.models.capture import pad_right, run, single_rows, stream
from unispect.models.decode import positions as position_ids
from unispect.models.decode.mask import batched
from unispect.models.edits import Asked, RowEdits
from unispect.models.embedded import Embedded, embedded_rows
from unispect.models.parts.flux import latents_of


@dataclass(frozen=True)
class Context(Embedded):
    """A sequence, and the blocks that it is.

    Attributes:
        blocks: in order.
        layout: of the blocks.
    """

    blocks: tuple[Block, ...] = ()
    layout: Layout = field(default_factory=lambda: lay_out(()))

    @classmethod
    def of(cls, rows: Tensor, blocks: tuple[Block, ...]) -> Context:
        """The context of these input rows [length, width]."""
        layout = lay_out(blocks)
        return cls(rows, layout.attention_mask, layout.positions, blocks=blocks, layout=layout)

    def followed_by(self, rows: Tensor, kind: Kind, grid: tuple[int, int] = (0, 0)) -> Context:
        """The same with one more block behind."""
        block = Block(kind, len(self), len(rows), grid, fixed=True)
        return replace(Context.of(torch.cat([self.rows, rows]), (*self.blocks, block)), edits=self.edits)


@dataclass(frozen=True)
class Contexts:
    """The three that guide a picture; those of which nothing is taken away are one and the same."""

    whole: Context
    textless: Context
    pictureless: Context

    def first(self, count: int) -> Sequence[Context]:
        return (self.whole, self.textless, self.pictureless)[:count]

    def unedited(self) -> Contexts:
        """The same without edits."""
        whole, textless = replace(self.whole, edits=()), replace(self.textless, edits=())
        return Contexts(
            whole, textless, whole if self.pictureless is self.whole else replace(self.pictureless, edits=())
        )


def contexts_of(prompt: Context, thought: Tensor | None = None) -> Contexts:
    """What guides the picture that follows a prompt.

    Args:
        prompt: all of it.
        thought: input rows [length, width] of what was thought about it, which only the whole context holds.
    """
    whole = prompt if thought is None else prompt.followed_by(thought, "text")
    pictureless = prompt
    if any(block.kind != "text" for block in prompt.blocks):
        pictureless = _part(prompt, without_pictures(prompt.blocks))
    return Contexts(whole, _part(prompt, without_last_text(prompt.blocks)), pictureless)


def with_edits(contexts: Contexts, prompt: Context, edits: Asked, sample: int, kinds: int) -> Contexts:
    """The contexts of an edited prompt, with edits of the others too: those that lack a part of it are unconditional.

    Args:
        contexts: of the prompt.
        prompt: all of it, with its edits.
        edits: of the batch.
        sample: number of the prompt.
        kinds: how many of the contexts are run.

    Raises:
        UsageError: a context has no such position.
    """

    def unconditional(part: Context) -> Context:
        kept = [False] * len(prompt)
        for block in part.blocks:
            kept[block.start : block.stop] = [True] * block.length
        segments = kept_segments(edits.segments[sample], kept)
        return replace(part, edits=edits.own(sample, "unconditional", segments=segments))

    textless, pictureless = contexts.textless, contexts.pictureless
    if kinds > 1:
        textless = unconditional(textless)
    if kinds > 2 and pictureless is not contexts.whole:  # with thoughts it lacks them, whatever the prompt holds
        pictureless = unconditional(pictureless)
    return Contexts(contexts.whole, textless, pictureless)


def prompts_of(network: BagelNetwork, inputs: Inputs, *, together: bool = False) -> list[Context]:
    """Every prompt as a sequence; equal texts share one tensor of rows.

    Args:
        network: filled.
        inputs: of the prompts.
        together: run pictures of one size through what sees them at once. One by one, the default, their rows do not
            depend on the batch in their last digits.
    """
    shown, seen = torch.cat([_shown(blocks) for blocks in inputs.blocks]).to(network.entry.weight.device), None
    if inputs.pictures:
        dtype = network.llm.embed_tokens.weight.dtype
        seen = torch.cat([own.to(dtype) for own in _picture_rows(network, inputs, together)])
    parts = embedded_rows(network.llm.embed_tokens, inputs.ids, shown, seen)
    return [Context.of(own, blocks) for own, blocks in zip(parts, inputs.blocks, strict=True)]


def states_of(network: BagelNetwork, contexts: Sequence[Context]) -> Iterator[tuple[Tensor, ...]]:
    """The backbone's input, then the raw output of every layer, of every sequence [length, width]."""

    def together(some: Sequence[int]) -> Iterator[Tensor]:
        own = [contexts[i] for i in some]
        rows = pad_right([context.rows for context in own])
        backbone = routed(network.llm, drawn_of(own, rows.shape[1]))
        positions, mask = where(own, rows.device)
        changes = RowEdits.of([context.edits for context in own], columns=[range(len(context)) for context in own])
        return stream(backbone, rows, positions=positions, mask=mask, edits=changes)

    return single_rows(together, [len(own.rows) for own in contexts], contexts[0].rows.device)


def looks_of(network: BagelNetwork, context: Context) -> Iterator[Looks]:
    """The attention of every layer over one sequence."""
    drawn = drawn_of([context], len(context))
    routes = None if drawn is None else Routes.of(drawn)

    def heads(layer: MotLayer, hidden: Tensor) -> Heads:
        own = layer.before(hidden, None if routes is None else routes.to(hidden.device)).transpose(1, 2)
        return own[:, : layer.heads], own[:, layer.heads : layer.heads + layer.few], layer.und.head**-0.5

    return sequence_looks(routed(network.llm, drawn), context, heads, list(network.llm.layers))


def states_behind(network: BagelNetwork, contexts: Sequence[Context]) -> Tensor:
    """The final norms' output [contexts, longest, width] of sequences of any blocks, in one pass."""
    rows = pad_right([own.rows for own in contexts])
    backbone = routed(network.llm, drawn_of(contexts, rows.shape[1]))
    positions, mask = where(contexts, rows.device)
    return run(backbone, rows, positions=positions, mask=mask)


def picture_blocks(
    network: BagelNetwork, markers: Tensor, latents: Tensor, times: Tensor
) -> tuple[Tensor, Kind, tuple[int, int]]:
    """Pictures at any step as blocks.

    Args:
        network: filled.
        markers: input rows [2, width] around a picture.
        latents: [pictures, channels, height, width].
        times: of every picture in 0..1, 1 being noise.

    Returns:
        Input rows [pictures, positions + 2, width], markers included; the kind of block; its grid.
    """
    patch = network.config.patch
    grid = (latents.shape[2] // patch, latents.shape[3] // patch)
    tokens = network.tokens(latents.to(markers.device)).to(markers.dtype)
    drawn = network.drawn_rows(tokens, times.to(markers.device), grid)
    start, end = (marker.expand(len(drawn), 1, -1) for marker in markers)
    return torch.cat([start, drawn, end], dim=1), "noise", grid


def where(contexts: Sequence[Context], device: torch.device) -> tuple[Tensor | None, Tensor | None]:
    """Positions [contexts, longest] and mask [contexts, 1, longest, longest] of padded sequences."""
    lengths = [len(context.rows) for context in contexts]
    positions = position_ids.batched([context.layout.positions for context in contexts], lengths, device)
    return positions, batched([context.layout.attention_mask for context in contexts], lengths, device)


def drawn_of(contexts: Sequence[Context], length: int) -> Tensor | None:
    """Where latents stand in padded sequences [contexts, length]; None where there are none."""
    if not any(bool(context.layout.drawn.any()) for context in contexts):
        return None
    flags = [F.pad(context.layout.drawn, (0, length - len(context.layout))) for context in contexts]
    return torch.stack(flags).to(contexts[0].rows.device)


def _part(prompt: Context, blocks: Sequence[Block]) -> Context:
    rows = [prompt.rows[block.start : block.stop] for block in blocks]
    return Context.of(torch.cat(rows) if rows else prompt.rows[:0], tuple(blocks))


def _shown(blocks: Sequence[Block]) -> Tensor:
    """Where a prompt's pictures stand, their markers left out [length]."""
    found = torch.zeros(blocks[-1].stop, dtype=torch.bool)
    for block in blocks:
        if block.kind != "text":
            found[block.start + 1 : block.stop - 1] = True
    return found


def _picture_rows(network: BagelNetwork, inputs: Inputs, together: bool) -> list[Tensor]:
    """Input rows [positions, width] of every picture block, in reading order."""
    kinds = [block.kind for blocks in inputs.blocks for block in blocks if block.kind != "text"]
    groups: dict[object, list[int]] = {}
    for number, (kind, pixels) in enumerate(zip(kinds, inputs.pictures, strict=True)):
        groups.setdefault((kind, pixels.shape) if together else number, []).append(number)
    found: dict[int, Tensor] = {}
    for members in groups.values():
        pixels = torch.stack([inputs.pictures[number] for number in members])
        if kinds[members[0]] == "seen":
            rows = network.seen_rows(pixels.to(network.entry.weight))
        else:
            rows = _kept_rows(network, pixels, [inputs.noise[number] for number in members])
        found |= dict(zip(members, rows, strict=True))
    return [found[number] for number in range(len(kinds))]


def _kept_rows(network: BagelNetwork, pixels: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
    """Input rows [pictures, positions, width] of finished pictures as latents, told as of time 0."""
    like = network.entry.weight
    drawn = None if any(own is None for own in noise) else torch.stack([own for own in noise if own is not None])
    with torch.no_grad():  # the pixel autoencoder never learns here
        latents = latents_of(network.vae, pixels.to(like.device, network.vae.dtype), drawn)
    patch = network.config.patch
    grid = (latents.shape[2] // patch, latents.shape[3] // patch)
    return network.drawn_rows(network.tokens(latents).to(like), torch.zeros(1, device=like.device), grid)
