"""From prompts to tokens and pixels: the dialogue with JanusFlow's roles.

A prompt for a picture ends where the authors put a tag. Its embedding is dropped and the time's stands in its place
(docs/sources/janus-flow.md#layout), so the tag never becomes a token here.
"""

from __future__ import annotations

from functools import partial

from unispect.models.checkpoint import Checkpoint
from unispect.models.processing.dialogue import Dialogue, SpecialIds, load_settings
from unispect.models.processing.template import Piece
from unispect.models.processing.tokenizer import add_missing, load_tokenizer, named_tokens, token_id

USER, ASSISTANT = "User", "Assistant"
_TAGS = {
    "image_tag": "<image_placeholder>",
    "image_gen_tag": "<｜begin▁of▁generation｜>",
    "image_start_tag": "<begin_of_image>",
    "image_end_tag": "<end_of_image>",
}
"""Setting -> default, in the order in which the authors add those that a tokenizer lacks."""


def load_processor(checkpoint: Checkpoint) -> Dialogue:
    """The processor of a published checkpoint.

    Raises:
        CheckpointError: a file, a special token or a size is missing; names it.
    """
    tokenizer = load_tokenizer(checkpoint)
    named = named_tokens(checkpoint)
    given = checkpoint.optional_json("processor_config.json") or {}
    tags = {name: str(given.get(name) or default) for name, default in _TAGS.items()}
    add_missing(tokenizer, tags.values())
    find = partial(token_id, checkpoint, tokenizer, needed_by="JanusFlow")
    settings = load_settings(checkpoint)
    return Dialogue(
        tokenizer=tokenizer,
        special=SpecialIds(
            bos=find(named.get("bos_token") or "<｜begin▁of▁sentence｜>"),
            eos=find(named.get("eos_token") or "<｜end▁of▁sentence｜>"),
            pad=find("<｜▁pad▁｜>"),
            image=find(tags["image_tag"]),
            image_start=find(tags["image_start_tag"]),
            image_end=find(tags["image_end_tag"]),
        ),
        user=Piece(USER, "template"),
        assistant=Piece(ASSISTANT, "template"),
        opening=None,
        picture=settings.picture,
        image_tokens=settings.image_tokens,
        system=settings.system,
    )
