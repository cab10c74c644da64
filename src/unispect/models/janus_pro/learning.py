"""Losses in both directions: image tokens after a text prompt, answer tokens after a prompt."""

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
from unispect.models.capture import pad_right, run
from unispect.models.janus_pro.processing import Inputs
from unispect.models.losses import codes_of_replies, losses_of

if TYPE_CHECKING:
    from unispect.models.janus_pro.model import JanusPro


def losses(model: JanusPro, batch: Sequence[Example]) -> Losses:
    """Mean cross entropy per image token, and per answer token with its end token, in nats."""
    return losses_of(batch, partial(_draw_loss, model), partial(_tell_loss, model))


def _draw_loss(model: JanusPro, examples: Sequence[Example], replies: Sequence[Image.Image | Tensor]) -> Tensor:
    inputs = _inputs(model, examples, Goal.IMAGE)
    hidden = [
        model.processor.emptied(ids) if example.unconditional else ids
        for example, ids in zip(examples, inputs.ids, strict=True)
    ]
    codes = codes_of_replies(replies, model.targets, model.device)
    # The last token is predicted, never fed.
    fed = model.code_rows(codes[:, :-1])
    prompts = model.prompt_rows(Inputs(tuple(hidden), None))
    states = run(model.trunk, pad_right([torch.cat(pair) for pair in zip(prompts, fed, strict=True)]))
    count = codes.shape[1]
    predicting = [own[len(p) - 1 : len(p) - 1 + count] for own, p in zip(states, prompts, strict=True)]
    logits = model.network.model.generation_head(torch.cat(predicting))
    return F.cross_entropy(logits.float(), codes.flatten())


def _tell_loss(model: JanusPro, examples: Sequence[Example], replies: Sequence[str]) -> Tensor:
    inputs = _inputs(model, examples, Goal.TEXT)
    return model.voice.loss(model.prompt_rows(inputs, together=True), replies)


def _inputs(model: JanusPro, examples: Sequence[Example], goal: Goal) -> Inputs:
    inputs = model.encode([example.prompt for example in examples], goal).inputs
    assert isinstance(inputs, Inputs)
    return inputs
