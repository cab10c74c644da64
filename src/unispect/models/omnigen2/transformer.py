"""The transformer that draws: stock Lumina2 blocks around a joint sequence of prompt, given pictures and drawn picture.

Source: docs/sources/omnigen2.md#transformer and #layout. Names are the authors'. All rows of a sample see each other. A
row stands at three coordinates: text at (l, l, l); the picture that begins at s at (s, row, column), where s counts
text and, for every given picture before it, the longer of its sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from diffusers.models.embeddings import Timesteps
from diffusers.models.normalization import LuminaLayerNormContinuous
from diffusers.models.transformers.transformer_lumina2 import (
    Lumina2CombinedTimestepCaptionEmbedding,
    Lumina2TransformerBlock,
)
from torch import Tensor, nn
from torch.nn import functional as F

from unispect.models.decode.fused import Map, Norm, plain_maps
from unispect.models.edits import RowEdits
from unispect.models.omnigen2.config import REFERENCES, TransformerConfig

THETA = 10000.0
_WAVES = 256
_TOLD = 1024
"""Times are told in no more numbers than this (docs/sources/omnigen2.md#parts)."""

Grid = tuple[int, int]
Stage = Iterable[Callable[..., Tensor]]
Blocks = tuple[Stage, Stage, Stage]
"""Those that refine given pictures, those that refine the drawn one, and the joint ones."""


@dataclass(frozen=True)
class Condition:
    """What samples are drawn from, as far as it depends neither on time nor on what is drawn so far.

    Attributes:
        text: refined rows of the prompt [samples, room, width].
        seen: True at rows that are there [samples, room + given pictures + drawn picture].
        turns: of all rows, complex [samples, rows, half a head].
        references: latents of given pictures, each [samples, channels, height, width].
        edits: of the joint rows of every sample, of which only those that are there count.
    """

    text: Tensor
    seen: Tensor
    turns: Tensor
    references: tuple[Tensor, ...] = ()
    edits: RowEdits | None = None

    @property
    def room(self) -> int:
        """Rows that the prompt may take."""
        return self.text.shape[1]


class FlowTransformer(nn.Module):
    """Velocities of latents, given a prompt's states, pictures and a time.

    Args:
        config: sizes.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        width, numbers, told = config.width, config.patch**2 * config.channels, min(config.width, _TOLD)
        block = partial(
            Lumina2TransformerBlock,
            width,
            config.heads,
            config.key_heads,
            config.multiple,
            cast(float, config.growth),
            config.eps,
        )
        self.x_embedder = nn.Linear(numbers, width)
        self.ref_image_patch_embedder = nn.Linear(numbers, width)
        self.time_caption_embed = Lumina2CombinedTimestepCaptionEmbedding(width, config.text_width, _WAVES, config.eps)
        # Times multiplied beforehand lose digits (docs/sources/omnigen2.md#stock-classes).
        self.time_caption_embed.time_proj = Timesteps(_WAVES, True, 0.0, scale=cast(int, config.time_scale))
        self.noise_refiner = nn.ModuleList(block(modulation=True) for _ in range(config.refiners))
        self.ref_image_refiner = nn.ModuleList(block(modulation=True) for _ in range(config.refiners))
        self.context_refiner = nn.ModuleList(block(modulation=False) for _ in range(config.refiners))
        self.layers = nn.ModuleList(block(modulation=True) for _ in range(config.layers))
        self.norm_out = LuminaLayerNormContinuous(
            width, told, elementwise_affine=False, eps=1e-6, bias=True, out_dim=numbers
        )
        self.image_index_embedding = nn.Parameter(torch.zeros(REFERENCES, width))

    def condition(self, states: Tensor, lengths: Tensor, shape: Grid, references: Sequence[Tensor] = ()) -> Condition:
        """What to draw from.

        Args:
            states: of prompts [samples, room, text width]; rows behind a prompt are never looked at.
            lengths: of the prompts [samples].
            shape: height and width of the latents to draw.
            references: latents of given pictures, each [samples, channels, height, width].
        """
        room = states.shape[1]
        grids = [self._grid(own.shape[2:]) for own in references]
        turns = rotations(positions_of(lengths, room, [*grids, self._grid(shape)]), self.config.axes)
        seen = torch.arange(room, device=states.device) < lengths[:, None]
        text = self.time_caption_embed.caption_embedder(states)
        for block in self.context_refiner:
            text = block(text, seen, turns[:, :room])
        pictures = turns.shape[1] - room
        return Condition(text, F.pad(seen, (0, pictures), value=True), turns, tuple(references))

    def time(self, times: Tensor) -> Tensor:
        """Embeddings [count, ...] of times [count] in 0..1, 0 being noise."""
        embed = self.time_caption_embed
        return embed.timestep_embedder(embed.time_proj(times).to(self.x_embedder.weight.dtype))

    def prepared(self) -> Blocks:
        """The blocks for drawing: where they are small, the same numbers by fewer operations (see `decode.fused`)."""
        stages = self.ref_image_refiner, self.noise_refiner, self.layers
        if not all(_plain(block) for stage in stages for block in stage):
            return stages
        refs, noise, joint = ([_FusedBlock(block) for block in stage] for stage in stages)
        return refs, noise, joint

    def stream(
        self, condition: Condition, latents: Tensor, time: Tensor, blocks: Blocks | None = None
    ) -> Iterator[Tensor]:
        """Joint rows [samples, rows, width] before the first joint block and behind every one.

        Rows of the prompt come first, then those of given pictures, then those of the drawn one.

        Args:
            condition: of the samples.
            latents: as drawn so far [samples, channels, height, width].
            time: embedded; one row for all samples, or one for each.
            blocks: `prepared`; default: the stock ones.
        """
        given_refiner, noise_refiner, layers = blocks or (self.ref_image_refiner, self.noise_refiner, self.layers)
        dtype = self.x_embedder.weight.dtype
        rows = [condition.text]
        begin = condition.room
        for number, picture in enumerate(condition.references):
            given = self.ref_image_patch_embedder(self.patches(picture.to(dtype))) + self.image_index_embedding[number]
            rows.append(self._refined(given_refiner, given, condition.turns, begin, time))
            begin += given.shape[1]
        drawn = self.x_embedder(self.patches(latents.to(dtype)))
        rows.append(self._refined(noise_refiner, drawn, condition.turns, begin, time))
        edits = condition.edits or RowEdits([], [])
        hidden = edits.at(0, torch.cat(rows, dim=1))
        yield hidden
        for layer, block in enumerate(layers, 1):
            hidden = edits.at(layer, block(hidden, condition.seen, condition.turns, time))
            yield hidden

    def forward(self, condition: Condition, latents: Tensor, time: Tensor, blocks: Blocks | None = None) -> Tensor:
        """Velocities [samples, channels, height, width]; see `stream`."""
        hidden = condition.text
        for state in self.stream(condition, latents, time, blocks):
            hidden = state
        rows, columns = self._grid(latents.shape[2:])
        return self.flat(self.norm_out(hidden[:, -rows * columns :], time), (rows, columns))

    def patches(self, latents: Tensor) -> Tensor:
        """Squares of latents [pictures, positions, numbers], channels running fastest inside one."""
        side, channels = self.config.patch, latents.shape[1]
        rows, columns = self._grid(latents.shape[2:])
        cut = latents.view(-1, channels, rows, side, columns, side)
        return cut.permute(0, 2, 4, 3, 5, 1).reshape(len(latents), rows * columns, -1)

    def flat(self, outputs: Tensor, grid: Grid) -> Tensor:
        """The latents [pictures, channels, height, width] whose `patches` these are."""
        side = self.config.patch
        cut = outputs.view(len(outputs), *grid, side, side, -1)
        return cut.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)

    def _refined(
        self, blocks: Iterable[Callable[..., Tensor]], rows: Tensor, turns: Tensor, begin: int, time: Tensor
    ) -> Tensor:
        own = turns[:, begin : begin + rows.shape[1]]
        for block in blocks:
            rows = block(rows, None, own, time)
        return rows

    def _grid(self, shape: Sequence[int]) -> Grid:
        return shape[0] // self.config.patch, shape[1] // self.config.patch


class _FusedBlock:
    """A stock block with modulation, written over where only the next operation reads."""

    def __init__(self, block: Any) -> None:
        attention, told = block.attn, block.norm1
        self._heads, self._width = attention.heads, block.head_dim
        self._few = attention.to_k.out_features // self._width
        self._told, self._scale = told.linear, attention.scale
        self._into, self._out = Map.of(attention.to_q, attention.to_k, attention.to_v), Map.of(attention.to_out[0])
        pair = attention.norm_q.weight.expand(self._heads, -1), attention.norm_k.weight.expand(self._few, -1)
        self._turning = Norm(torch.cat(pair), attention.norm_q.eps)
        norms = told.norm, block.norm2, block.ffn_norm1, block.ffn_norm2
        self._norms = [Norm(norm.weight, norm.eps) for norm in norms]
        forward = block.feed_forward
        self._gated, self._down = Map.of(forward.linear_1, forward.linear_3), Map.of(forward.linear_2)

    def __call__(self, hidden: Tensor, seen: Tensor | None, turns: Tensor, time: Tensor) -> Tensor:
        scale, gate, scale_mlp, gate_mlp = (part[:, None] for part in self._told(F.silu(time)).chunk(4, dim=1))
        before, behind, before_mlp, behind_mlp = self._norms
        found = behind(self._attended(before(hidden).mul_(1 + scale), seen, turns))
        hidden = found.mul_(gate.tanh()).add_(hidden)
        first, second = self._gated(before_mlp(hidden).mul_(1 + scale_mlp)).chunk(2, -1)
        made = behind_mlp(self._down(F.silu(first).mul_(second)))
        return made.mul_(gate_mlp.tanh()).add_(hidden)

    def _attended(self, rows: Tensor, seen: Tensor | None, turns: Tensor) -> Tensor:
        mapped = self._into(rows).unflatten(-1, (-1, self._width))  # [samples, rows, heads, head's width]
        turning, value = mapped.split([self._heads + self._few, self._few], 2)
        # In double precision, as the turns are.
        pairs = torch.view_as_complex(self._turning(turning).double().unflatten(-1, (-1, 2)))
        query, key = (
            torch.view_as_real(pairs.mul_(turns[:, :, None])).flatten(3).float().split([self._heads, self._few], 2)
        )
        if self._few != self._heads:
            key, value = (own.repeat_interleave(self._heads // self._few, 2) for own in (key, value))
        query, key, value = (own.transpose(1, 2) for own in (query, key, value))
        mask = None if seen is None else seen[:, None, None]
        found = F.scaled_dot_product_attention(query, key, value, mask, scale=self._scale)
        return self._out(found.transpose(1, 2).flatten(2))


def _plain(block: Any) -> bool:
    attention, forward = block.attn, block.feed_forward
    maps = attention.to_q, attention.to_k, attention.to_v, attention.to_out[0]
    return plain_maps(block, [*maps, forward.linear_1, forward.linear_2, forward.linear_3])


def positions_of(lengths: Tensor, room: int, grids: Sequence[Grid]) -> Tensor:
    """Coordinates [samples, rows, 3] of `room` rows of the prompt, and of pictures of these rows and columns."""
    text = torch.arange(room, device=lengths.device).expand(len(lengths), -1)
    parts = [text[..., None].expand(-1, -1, 3)]
    start = lengths.clone()
    for rows, columns in grids:
        position = torch.arange(rows * columns, device=lengths.device)
        where = torch.stack([position, position // columns, position % columns], -1).repeat(len(lengths), 1, 1)
        where[..., 0] = start[:, None]
        parts.append(where)
        start = start + max(rows, columns)
    return torch.cat(parts, dim=1)


def rotations(positions: Tensor, axes: Sequence[int]) -> Tensor:
    """Turns [..., half a head] of rows at coordinates [..., 3], as complex numbers of double precision."""
    angles = []
    for index, width in enumerate(axes):
        steps = torch.arange(0, width, 2, dtype=torch.float64, device=positions.device) / width
        angles.append(positions[..., index, None].double() * THETA**-steps)
    whole = torch.cat(angles, dim=-1)
    return torch.polar(torch.ones_like(whole), whole)
