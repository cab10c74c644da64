"""From published names of tensors to ours, and which parameters serve what."""

from collections.abc import Mapping

from unispect.models.keys import KeyTable

# REPLACE: the names in your checkpoint. The first row that fits counts, `*` stands for the rest of a name; what maps to
# None is knowingly dropped, and a tensor that no row knows is refused.
TABLE: KeyTable = {
    "model.*": "backbone.*",
    "lm_head.*": "text_head.*",
    "image_in.*": "image_in.*",
    "image_head.*": "image_head.*",
    "image_tokenizer.*": "image_tokenizer.*",
}
KNOWN = ("model.layers.",)
"""How some names of every whole checkpoint begin; what training code put in front of them is taken off."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "token embeddings": ("backbone.embed_tokens.",),
    "backbone": ("backbone.layers.", "backbone.norm."),
    "text head": ("text_head.",),
    "image embeddings": ("image_in.",),
    "image head": ("image_head.",),
    "image tokenizer": ("image_tokenizer.",),
}
"""What parameters serve (`unispect.models.base.GROUPS`) -> how our names begin; a recipe of training names groups."""
STACKS = ("backbone.layers",)
"""Blocks that may lie on several devices."""
