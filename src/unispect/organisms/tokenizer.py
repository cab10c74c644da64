"""The organisms' tokenizer: byte-level BPE that knows the words of their world and nothing else.

Every word of the world's sentences is one token (behind a space), invented words fall into syllables, and any other
text falls into syllables and bytes, so every prompt can be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from unispect.data.concepts import language
from unispect.data.concepts.world import ATTRIBUTES, VALUES, all_concepts

DEEPSEEK = (
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜▁pad▁｜>",
    "<begin_of_image>",
    "<image_placeholder>",
    "<end_of_image>",
    "<|User|>",
    "<|Assistant|>",
)
"""Special tokens of the Janus families, by the strings under which a processor looks them up."""

QWEN = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
"""Special tokens of the families that are built on Qwen2."""

PHI = ("<|endoftext|>",)
"""The one special token of Phi's own tokenizer; Show-o puts its others behind all text tokens, unnamed."""


def world_sentences() -> Iterator[str]:
    """Everything that is said in the concept world, in real words."""
    for concept in all_concepts():
        yield language.description(concept.values)
        yield language.draw_prompt(concept.values)
    for attribute in ATTRIBUTES:
        yield attribute
        for value in VALUES[attribute]:
            yield from (value, language.meaning_question(value), language.kind_question(value))
            yield from (language.word_question(value), language.choice_question(value, VALUES[attribute]))
    yield language.DESCRIBE
    yield " ".join(language.LETTERS)


def build_tokenizer(special: Iterable[str], sentences: Iterable[str]) -> Tokenizer:
    """A byte-level BPE over the words of a world's sentences, special tokens added at the end."""
    words = {word for text in sentences for word in re.findall(r" ?[A-Za-z]+", text)}
    words |= {f" {word.strip()}" for word in words}
    words |= {consonant + vowel for consonant in "bcdfghjklmnprstvwz" for vowel in "aeiou"}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096, min_frequency=2, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    # Twice each: merges stop once every word is whole.
    tokenizer.train_from_iterator(sorted(words) * 2, trainer)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    return tokenizer
