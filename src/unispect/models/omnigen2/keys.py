"""The authors' names for OmniGen2's tensors and ours.

Source: docs/sources/omnigen2.md#keys. Each of the three parts is published in a folder of its own; its tensors take
part behind that folder's name, whether they come from there or stand in one file, as `save` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable

from unispect.models.keys import KeyTable, Target
from unispect.models.omnigen2.config import OmniGen2Config

PARTS = ("mllm", "transformer", "vae")
TOKENS, TEXT_HEAD = "mllm.model.embed_tokens.weight", "mllm.lm_head.weight"
_NEWER = "mllm.model.language_model."


def authors_table(config: OmniGen2Config, keys: Iterable[str] = ()) -> KeyTable:
    """Their names -> ours; what transformers 5 saves, where `keys` show that it did, else what 4.51 saved."""
    head: Target = None if config.tied else "lm_head.weight"
    mllm: dict[str, Target] = {"mllm.visual.*": "mllm.visual.*", "mllm.model.*": "mllm.language_model.*"}
    if any(key.startswith(_NEWER) for key in keys):
        mllm = {"mllm.model.visual.*": "mllm.visual.*", f"{_NEWER}*": "mllm.language_model.*"}
    # Tied to the token embeddings, and then a copy of them.
    return {TEXT_HEAD: head, **mllm, "transformer.*": "transformer.*", "vae.*": "vae.*"}


STACKS = ("mllm.language_model.layers", "transformer.layers")
"""Blocks that may lie on several devices (`unispect.models.spread`), in the order they are run."""

GROUPS = {
    "backbone": ("mllm.language_model.layers.", "mllm.language_model.norm."),
    "token embeddings": ("mllm.language_model.embed_tokens.",),
    "text head": ("lm_head.",),
    "vision encoder": ("mllm.visual.patch_embed.", "mllm.visual.blocks."),
    "vision aligner": ("mllm.visual.merger.",),
    "image head": ("transformer.",),
    "image tokenizer": ("vae.",),
}
"""Group of parameters (`unispect.models.base.GROUPS`) -> how their names begin.

Nothing brings a picture being drawn into the backbone, so there are no "image embeddings": all of the transformer draws
from the backbone's last states. What the language model alone learns, with the transformer kept as it is, must
therefore show in those states: a new word is drawn once its states say what the states of a known word say.
"""
