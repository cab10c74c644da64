"""Drawing: image codes of prompts, uncovered step by step.

Source: docs/sources/show-o.md#drawing. Text never looks at the picture behind it, so it is run once and its keys and
values kept; every step runs the picture's rows behind them. Places of text that no prompt of a batch uses are not run
at all; positions are counted as if they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unispect.core.errors import UsageError
from unispect.models.capture import run
from unispect.models.decode.cache import KeyValueCache
from unispect.models.decode.chance import TIE
from unispect.models.decode.confident import Uncovered, open_share, uncover
from unispect.models.decode.fused import fused
from unispect.models.edits import Own, RowEdits, drawn_with
from unispect.models.show_o.network import ShowONetwork


@dataclass(frozen=True)
class DrawSettings:
    """How pictures are drawn, where the caller does not say otherwise.

    Attributes:
        steps: passes through the backbone.
        guidance: weight w in l_unc + w (l_cond - l_unc); 1 runs no unconditional branch. The authors' g is w - 1.
        temperature: of the order in which positions are filled; tokens are drawn at 1 (see `decode.confident.uncover`).
        schedule: of the share of masked positions.
        greedy: take the most likely tokens instead of drawing them, as a call for temperature 0 does.
    """

    steps: int
    guidance: float
    temperature: float
    schedule: str = "cosine"
    greedy: bool = False

    def check(self) -> None:
        """Raises `UsageError` when this cannot be drawn."""
        if self.steps < 1:
            raise UsageError(f"a picture is drawn in at least one step, not {self.steps}")
        if self.temperature < 0:
            raise UsageError(f"the temperature cannot be below 0, as {self.temperature} is")
        try:
            open_share(self.schedule, torch.tensor(0.5))
        except ValueError as error:
            raise UsageError(str(error)) from error


class Canvas:
    """The backbone's view of pictures that are drawn together.

    Args:
        network: filled.
        ids: canvas ids [samples, text tokens + image tokens + 2]; what they say of the picture is not used.
        pad: id of unused positions of text.
        edits: of every sample.
    """

    def __init__(self, network: ShowONetwork, ids: Tensor, pad: int, edits: Sequence[Own] | None = None) -> None:
        config = network.config
        self._network, self._backbone = network, fused(network.backbone)
        text = ids[:, : config.text_tokens]
        unused = (text == pad).sum(1)
        self._cut = int(unused.min())
        text, length = text[:, self._cut :], config.text_tokens - self._cut
        real = torch.arange(length, device=ids.device) >= (unused - self._cut)[:, None]
        positions = torch.arange(self._cut, ids.shape[1], device=ids.device)[None]
        self._positions = positions[:, length:]
        self._length, new = length, config.image_tokens + 2
        before = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        # Unused positions attend to those before them, so that no row is without anything to see.
        mask = before & (real[:, None] | ~real[:, :, None])
        self._cache = KeyValueCache(length + new)
        run(
            self._backbone,
            network.backbone.embed_tokens(text),
            positions=positions[:, :length],
            mask=mask[:, None],
            cache=self._cache,
            edits=RowEdits.of(edits, [self._cut] * len(ids)),
        )
        self._edits = RowEdits.of(edits, [config.text_tokens] * len(ids))
        self._mask = torch.nn.functional.pad(real, (0, new), value=True)[:, None, None].expand(-1, 1, new, -1)
        self._ends = ids[:, [config.text_tokens, -1]]

    def states(self, tokens: Tensor) -> Tensor:
        """Final states [samples, image tokens, width] of pictures of which these tokens are known, -1 where none is."""
        config, embed = self._network.config, self._network.backbone.embed_tokens
        inside = torch.where(tokens < 0, config.mask, tokens + config.first_code)
        ids = torch.cat([self._ends[:, :1], inside, self._ends[:, 1:]], 1)
        self._cache.shorten(self._length)
        where = {"positions": self._positions, "mask": self._mask, "cache": self._cache}
        found = run(self._backbone, embed(ids), **where, edits=self._edits)
        return found[:, 1:-1]


@torch.inference_mode()
def draw_codes(
    network: ShowONetwork,
    ids: Sequence[Tensor],
    empty: Tensor,
    known: Tensor,
    drawing: DrawSettings,
    draws: Iterable[tuple[Tensor, Tensor]],
    edits: Sequence[Own] | None = None,
) -> Uncovered:
    """Image codes of every position, and the step each was found at.

    Args:
        network: filled.
        ids: canvas ids of every sample, on the network's device.
        empty: those of the unconditional branch.
        known: codes [samples, image tokens], -1 where they are to be drawn.
        drawing: settings.
        draws: what chance decides (`decode.confident.seeded_draws`).
        edits: of every sample, then of the same in the other branch, if that is run.
    """
    guided, pad = drawing.guidance != 1, network.config.special("[PAD]")

    def canvas(samples: Sequence[int]) -> Canvas:
        both = [*(ids[sample] for sample in samples), *([empty] * len(samples) if guided else ())]
        return Canvas(network, torch.stack(both), pad, drawn_with(edits, len(ids), samples, len(samples)))

    def scores(canvas: Canvas, tokens: Tensor) -> Tensor:
        logits = network.code_logits(canvas.states(tokens.repeat(2, 1) if guided else tokens)).float()
        if not guided:
            return logits
        conditional, unconditional = logits.chunk(2)
        return drawing.guidance * conditional - (drawing.guidance - 1) * unconditional

    together = canvas(range(len(ids)))
    tie = TIE.get(network.showo.lm_head.weight.dtype)
    if tie is not None and guided:
        tie *= abs(drawing.guidance) + abs(drawing.guidance - 1)
    apart: dict[int, Canvas] = {}

    def alone(sample: int, tokens: Tensor) -> Tensor:
        own = apart[sample] if sample in apart else apart.setdefault(sample, canvas([sample]))
        return scores(own, tokens[None])[0]

    return uncover(
        known,
        lambda tokens: scores(together, tokens),
        steps=drawing.steps,
        draws=draws,
        schedule=drawing.schedule,
        temperature=drawing.temperature,
        greedy=drawing.greedy,
        tie=tie,
        alone=alone,
    )
