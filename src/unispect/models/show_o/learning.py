"""Losses in both directions: hidden image tokens behind a prompt, answer tokens after a prompt.

Drawing is learned as in MaskGIT (Chang et al., 2022): a share of the image tokens is hidden, the share from the cosine
schedule of drawing at an even time, and the cross entropy of the hidden ones is the loss, over the whole vocabulary as
the authors have it. So that the loss of an example does not depend on its company, every example has a share of its
own, and the loss is the mean over examples of the mean over their hidden tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unispect.core.prompts import Goal
from unispect.models.base import Example, Losses
from unispect.models.capture import run
from unispect.models.decode.confident import open_share
from unispect.models.decode.masked import random_orders
from unispect.models.losses import codes_of_replies, losses_of
from unispect.models.show_o.processing import PICTURE, Inputs

if TYPE_CHECKING:
    from unispect.models.show_o.model import ShowO


def losses(model: ShowO, batch: Sequence[Example]) -> Losses:
    """Mean cross entropy per hidden image token, and per answer token with its end token, in nats."""
    return losses_of(batch, partial(_draw_loss, model), partial(_tell_loss, model))


def hidden_places(seed: int, places: int, everything: float = 0.0) -> Tensor:
    """Which places [places] of an example's picture are hidden, from its seed alone.

    Args:
        seed: of the example.
        places: in a picture.
        everything: chance that all of them are.
    """
    generator = torch.Generator().manual_seed(seed % 2**64)
    order = random_orders([generator], places)[0]
    time, lot = torch.rand(2, generator=generator)
    count = max(1, round(places * float(open_share("cosine", time))))
    hidden = torch.zeros(places, dtype=torch.bool)
    hidden[order[: places if float(lot) < everything else count]] = True
    return hidden


def _draw_loss(model: ShowO, examples: Sequence[Example], replies: Sequence[Image.Image | Tensor]) -> Tensor:
    config, trunk = model.network.config, model.trunk
    codes = codes_of_replies(replies, model.targets, model.device)
    inputs = model.encode([example.prompt for example in examples], Goal.IMAGE).inputs
    assert isinstance(inputs, Inputs)
    picture = slice(config.text_places + 1, -1)
    hidden = torch.stack(
        [
            # Of a picture to be completed, what is transparent is hidden.
            own[picture] != PICTURE if example.prompt.images else _by_lot(model, example)
            for example, own in zip(examples, inputs.ids, strict=True)
        ]
    ).to(model.device)
    rows = [
        model.processor.canvas_ids() if example.unconditional else own
        for example, own in zip(examples, inputs.ids, strict=True)
    ]
    ids = torch.stack(rows).to(model.device)
    ids[:, picture] = torch.where(hidden, config.mask, codes + config.first_code)
    # Places of text that no prompt uses are left out; positions are counted as if they were there.
    cut = int((ids[:, : config.text_places] == config.special("[PAD]")).sum(1).min())
    look = torch.stack([model.processor.drawing_sight(own) for own in rows])[:, None, cut:, cut:].to(model.device)
    positions = torch.arange(cut, ids.shape[1], device=model.device)[None]
    states = run(trunk, trunk.embed_tokens(ids[:, cut:]), positions=positions, mask=look)[:, picture.start - cut : -1]
    logits = model.network.showo.lm_head(states[hidden]).float()
    each = F.cross_entropy(logits, codes[hidden] + config.first_code, reduction="none")
    counts = hidden.sum(1)
    return (each / counts.repeat_interleave(counts)).sum() / len(examples)


def _by_lot(model: ShowO, example: Example) -> Tensor:
    config = model.network.config
    return hidden_places(example.seed, config.places, config.mask_all)


def _tell_loss(model: ShowO, examples: Sequence[Example], replies: Sequence[str]) -> Tensor:
    inputs = model.encode([example.prompt for example in examples], Goal.TEXT).inputs
    assert isinstance(inputs, Inputs)
    return model.voice.loss(model.prompt_rows(inputs, together=True), replies, inputs.sights)
