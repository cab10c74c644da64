"""From prompts to tokens and pixels: the dialogue with Janus-Pro's roles, its opening tag and its empty prompt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from unispect.models.checkpoint import Checkpoint
from unispect.models.processing.dialogue import Dialogue, SpecialIds, load_settings
from unispect.models.processing.template import Inputs, Piece
from unispect.models.processing.tokenizer import load_tokenizer, named_tokens, token_id

__all__ = ["Inputs", "Processor", "load_processor"]

USER, ASSISTANT = "<|User|>", "<|Assistant|>"


@dataclass(frozen=True)
class Processor(Dialogue):
    """Tokenizer, template and picture format of one checkpoint."""

    def emptied(self, ids: Tensor) -> Tensor:
        """Token ids [length] of the unconditional branch of guidance.

        All but the first and the last token are the pad token, which is looked at like any other
        (docs/sources/janus-pro.md#drawing).
        """
        return torch.cat([ids[:1], torch.full_like(ids[1:-1], self.special.pad), ids[-1:]])


def load_processor(checkpoint: Checkpoint) -> Processor:
    """The processor of either published layout.

    Raises:
        CheckpointError: a file, a special token or a size is missing; names it.
    """
    tokenizer = load_tokenizer(checkpoint)
    named = named_tokens(checkpoint)
    tags = checkpoint.optional_json("processor_config.json") or {}

    find = partial(token_id, checkpoint, tokenizer, needed_by="Janus-Pro")

    def role(name: str) -> Piece:
        return Piece(name, "template", special=tokenizer.token_to_id(name))

    settings = load_settings(checkpoint)
    special = SpecialIds(
        bos=find(named.get("bos_token") or "<｜begin▁of▁sentence｜>"),
        eos=find(named.get("eos_token") or "<｜end▁of▁sentence｜>"),
        pad=find(named.get("pad_token") or tags.get("pad_tag") or "<｜▁pad▁｜>"),
        image=find(tags.get("image_tag") or "<image_placeholder>"),
        image_start=find(tags.get("image_start_tag") or "<begin_of_image>"),
        image_end=find(tags.get("image_end_tag") or "<end_of_image>"),
    )
    return Processor(
        tokenizer=tokenizer,
        special=special,
        user=role(USER),
        assistant=role(ASSISTANT),
        opening=special.image_start,
        picture=settings.picture,
        image_tokens=settings.image_tokens,
        system=settings.system,
    )
