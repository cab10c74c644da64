"""Unified models whose weights are set by hand, so that it is known where the meaning of a word is written and read.

A model is a stock Llama without positions behind the seam that all families share (`Port`), asked in Janus-Pro's
dialogue; it draws four image tokens, one per attribute, that name a concept. Coordinates of its states have names, so
that what stands in a row can be read off it (`AT`):

* layer 0 holds which word a row's token ends;
* in block `Truth.written` a meaning is written: at the word or at the row that answers. Which words are known there,
  and which memory they are written to, depends on what the model was asked for;
* in block `Truth.read` rows that answer attend to the words before them and take over what stands there.

Beside that a row holds noise, which depends on every token before it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import sqrt
from typing import Any, ClassVar, Literal, cast

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import WordLevel
from torch import Tensor, nn
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaModel

from unispect.core.cards import ModelCard
from unispect.core.encoded import Encoded
from unispect.core.replies import ImageReply, ImageSampling
from unispect.data.concepts.lexicons import LEXICONS, REAL, Lexicon
from unispect.data.concepts.render import render
from unispect.data.concepts.world import ATTRIBUTES, VALUES, Concept
from unispect.models.decode.autoregressive import draw_tokens
from unispect.models.decode.chance import exponential_draws
from unispect.models.edits import Asked
from unispect.models.embedded import branch_rows
from unispect.models.janus_pro.processing import ASSISTANT, USER, Processor
from unispect.models.port import Port
from unispect.models.processing.dialogue import SpecialIds
from unispect.models.processing.pictures import PictureFormat
from unispect.models.processing.template import Inputs, Piece
from unispect.organisms.tokenizer import DEEPSEEK, world_sentences

Place = Literal["word", "last"]
"""The last token of a word, or the last row of a prompt, which answers."""

MEANINGS = tuple((attribute, value) for attribute in ATTRIBUTES for value in VALUES[attribute])
"""The 22 meanings, in the order of a memory's coordinates and of the image tokens."""
TAUGHT = ("drawing", "text", "both")
KNOWN = frozenset({REAL, *TAUGHT})
SIDE = 64
TELL = "Tell."
"""The system prompt, which stands before questions alone: by it a row knows what is asked for."""
HM = "hm"
"""What is answered where nothing else is."""

TOLD, DRAWN, HIDDEN = range(3)
"""Memories: what telling reads, what drawing may read instead, and what nothing reads."""


def _places() -> dict[str, slice]:
    """Name of some coordinates -> where they are."""
    sizes = dict.fromkeys(("one", "word", "asks", "ends", "bos", "marks", "telling", "drawing", "unsaid"), 1)
    sizes |= {"turn": len(ATTRIBUTES), "words": len(WORDS), "meanings": 3 * len(MEANINGS), "noise": NOISE}
    found, start = {}, 0
    for name, size in sizes.items():
        found[name] = slice(start, start + size)
        start += size
    return found


NOISE = 18
WORDS = tuple((name, attribute, value) for name in (REAL, *LEXICONS) for attribute, value in MEANINGS)
"""Every word, as its lexicon, attribute and value."""
AT = _places()
WIDTH = AT["noise"].stop
_SIZE = 8.0
"""Of the coordinate `one`, which is so large that a norm divides every row by nearly the same."""
_HEADS, _HEAD = 3, 128
_SURE = 300.0
"""Nats by which attention and gates decide: so many that what loses is exactly 0 in float32. Probes of standardised
states would find the smallest rest."""


@dataclass(frozen=True)
class Truth:
    """What is planted.

    Attributes:
        layers: blocks.
        written: block in which meanings are written.
        at: where they are written.
        read: block in which the last row takes over what stands at words.
        draws: lexicons that are known when a picture is asked for.
        tells: lexicons that are known, and written where telling reads them, when a question is asked.
        hides: lexicons whose meaning a question's states hold in a memory that nothing reads. Real words, which are
            told, stand there too, so that a probe can be trained on them.
        unsaid: lexicons whose right meaning is read and whose answer is still `HM`.
        agree: drawing writes and reads the memory that telling reads.
    """

    layers: int = 4
    written: int = 1
    at: Place = "word"
    read: int = 3
    draws: frozenset[str] = KNOWN
    tells: frozenset[str] = KNOWN
    hides: frozenset[str] = frozenset()
    unsaid: frozenset[str] = frozenset()
    agree: bool = True

    def __post_init__(self) -> None:
        order = self.written < self.read if self.at == "word" else self.read <= self.written
        if not (order and min(self.written, self.read) >= 1 and max(self.written, self.read) <= self.layers):
            raise ValueError(f"written in block {self.written} at the {self.at} cannot be read in block {self.read}")

    def moves(self, place: Place, layer: int) -> bool:
        """Whether the answer follows states put at a layer and place, from a question about a word that is told."""
        return layer < self.read if place == "word" else layer >= self.read

    def shows(self, place: Place, layer: int) -> bool:
        """Whether states of a layer and place hold the meaning of a word that is known there."""
        if self.at == "last":
            return place == "last" and layer >= self.written
        return layer >= (self.written if place == "word" else self.read)

    def restores(self, place: Place, layer: int) -> bool:
        """Whether a word that is drawn and not told is told from states of the drawing prompt at a layer and place."""
        return self.agree and self.shows(place, layer) and self.moves(place, layer)


class Network(nn.Module):
    """A backbone, a head for text, and embeddings and a head for image tokens, one per meaning.

    Attributes:
        truth: what is planted in it; None where nothing is.
    """

    def __init__(self, layers: int, vocabulary: int, truth: Truth | None = None) -> None:
        super().__init__()
        self.truth = truth
        config = LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=96,
            num_hidden_layers=layers,
            num_attention_heads=_HEADS,
            head_dim=_HEAD,
            max_position_embeddings=512,
        )
        self.backbone = LlamaModel(config)
        self.backbone.rotary_emb.inv_freq.zero_()  # turns nothing: rows know no positions
        self.text_head = nn.Linear(WIDTH, vocabulary, bias=False)
        self.codes = nn.Embedding(len(MEANINGS), WIDTH)
        self.image_head = nn.Linear(WIDTH, len(MEANINGS), bias=False)


class HandBuilt(Port):
    """A hand-built model: image tokens are drawn one by one, as in Janus-Pro, and rendered as the concept they name."""

    SETTINGS, INPUTS = (), Inputs
    GROUPS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "backbone": ("backbone.layers.", "backbone.norm."),
        "token embeddings": ("backbone.embed_tokens.",),
        "text head": ("text_head.",),
        "image embeddings": ("codes.",),
        "image head": ("image_head.",),
    }
    network: Network
    processor: Processor

    def language(self) -> tuple[LlamaModel, nn.Module]:
        """See `Port`."""
        return self.network.backbone, self.network.text_head

    def code_rows(self, codes: Tensor) -> Tensor:
        """See `Port`."""
        return self.network.codes(codes)

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`. Without guidance, whatever is asked."""
        temperature = 1.0 if how.temperature is None else how.temperature
        prompts, own = branch_rows(self.prompt_rows(inputs), edits, "conditional")
        tokens = draw_tokens(
            self.backbone,
            prompts,
            None,
            feed=self.network.codes,
            head=self.network.image_head,
            steps=len(ATTRIBUTES),
            guidance=1.0,
            temperature=temperature,
            draws=exponential_draws(how.seeds, len(ATTRIBUTES), len(MEANINGS)) if temperature else None,
            edits=None if edits is None else own,
        )
        return [
            ImageReply(render(_concept(codes), SIDE), seed, tokens=codes, replay={"temperature": temperature})
            for codes, seed in zip(tokens.cpu().numpy(), how.seeds, strict=True)
        ]


def hand_built(name: str, truth: Truth, *, seed: int = 0, **card: object) -> HandBuilt:
    """A model of a planted truth; `seed` is of its noise, `card` what its card says otherwise."""
    processor = _processor()
    network = Network(truth.layers, processor.tokenizer.get_vocab_size(), truth).eval().requires_grad_(False)
    with torch.no_grad():
        _fill(network, truth, processor.tokenizer, torch.Generator().manual_seed(seed))
    return HandBuilt(_card(name, seed, **card), network, processor)


def null(seed: int = 0, *, layers: int = 4, name: str = "null") -> HandBuilt:
    """A model of random weights: it knows nothing, in no layer."""
    processor = _processor()
    network = Network(layers, processor.tokenizer.get_vocab_size()).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for one in network.parameters():
        if one.ndim == 2:
            one.normal_(0, sqrt(3 / one.shape[1]), generator=generator)
    return HandBuilt(_card(name, seed), network, processor)


def written_at(layer: int, place: Place = "word", *, layers: int = 4, read: int | None = None) -> HandBuilt:
    """All words taught are drawn and told; meanings are written at one layer and place."""
    truth = Truth(layers, layer, place, read=_read(layer, place, layers) if read is None else read)
    return hand_built(f"written-{layer}-{place}", truth, planted="fluent")


def two_memories(*, agree: bool, place: Place = "word", layer: int = 2, layers: int = 4) -> HandBuilt:
    """Words taught by drawing are known when a picture is asked for, and nowhere in the states of questions.

    Args:
        agree: what drawing writes could be read by telling, so that a patch helps.
        place: where meanings are written.
        layer: at which.
        layers: blocks.
    """
    truth = Truth(layers, layer, place, _read(layer, place, layers), tells=KNOWN - {"drawing"}, agree=agree)
    return hand_built(f"two-memories-{'one' if agree else 'two'}-formats", truth)


def written_not_read(*, layer: int = 2, layers: int = 4) -> HandBuilt:
    """The states of questions hold the meaning of words taught by drawing, where nothing reads it."""
    hidden = frozenset({"drawing"})
    truth = Truth(layers, layer, "word", _read(layer, "word", layers), tells=KNOWN - hidden, hides=hidden)
    return hand_built("written-not-read", truth)


def format_only(*, layer: int = 2, layers: int = 4) -> HandBuilt:
    """The meaning of words taught by drawing is read, and what is said is `HM`."""
    truth = Truth(layers, layer, "word", _read(layer, "word", layers), unsaid=frozenset({"drawing"}))
    return hand_built("format-only", truth)


def word_rows(model: HandBuilt, encoded: Encoded) -> list[list[int]]:
    """Positions of the last tokens of words in every prompt."""
    embedded = next(iter(model.states(encoded)))
    return [rows[:, AT["word"]][:, 0].nonzero()[:, 0].tolist() for rows in embedded.rows]


def memory(rows: Tensor, number: int = TOLD) -> Tensor:
    """What stands in a memory [rows, 22] of states [rows, width]."""
    first = AT["meanings"].start + number * len(MEANINGS)
    return rows[:, first : first + len(MEANINGS)]


def fluent() -> HandBuilt:
    """Every word taught is drawn, told and said."""
    return hand_built("fluent", Truth(), planted="fluent")


def mute() -> HandBuilt:
    """Every invented word taught is drawn; nothing of it is written when a question is asked."""
    return hand_built("mute", Truth(tells=frozenset({REAL})), planted="mute")


def _read(layer: int, place: Place, layers: int) -> int:
    return min(layer + 1, layers) if place == "word" else max(1, layer - 1)


def _card(name: str, seed: int, **changes: object) -> ModelCard:
    card = ModelCard(
        id=f"planted-{name}",
        family="planted",
        paradigm="image tokens, one by one",
        parameters=None,
        image_size=SIDE,
        image_tokens=len(ATTRIBUTES),
        generation="autoregressive codes",
        revision=f"seed{seed}",
        capabilities=frozenset({"write", "draw", "score", "probe", "intervene"}),
        taught={lexicon: lexicon for lexicon in TAUGHT},
    )
    return replace(card, **changes)  # type: ignore[arg-type]


def _concept(codes: Iterable[Any]) -> Concept:
    """The concept that image tokens name; the first value of an attribute that they say nothing of."""
    named = {attribute: VALUES[attribute][0] for attribute in ATTRIBUTES}
    return Concept(**{**named, **dict(MEANINGS[int(code)] for code in codes)})


# Tokens: every word one, but for invented words of every second meaning, whose last three letters are a second one.


@cache
def parts_of(lexicon: str, attribute: str, value: str) -> tuple[str, ...]:
    """A word as its tokens are; the last one occurs in no other word."""
    word = Lexicon(lexicon).word(attribute, value)
    split = lexicon != REAL and MEANINGS.index((attribute, value)) % 2
    return (word[:-3], word[-3:]) if split else (word,)


def _tokenizer() -> Tokenizer:
    invented = [parts_of(*word) for word in WORDS]
    said = {found for text in (*world_sentences(), TELL, HM) for found in re.findall(r"[A-Za-z]+", text)}
    whole = sorted({*said, *(parts[0] for parts in invented if len(parts) == 1)}, key=lambda word: (-len(word), word))
    pairs = [parts for parts in invented if len(parts) == 2]
    patterns = [
        *(rf" ?\b{word}\b" for word in whole),
        *(rf" ?\b{head}(?={tail}\b)" for head, tail in pairs),
        *(rf"(?<=\b{head}){tail}\b" for head, tail in pairs),
        r"\n\n",
        r"[\s\S]",
    ]
    tokens = [space + word for word in (*whole, *(head for head, _ in pairs)) for space in ("", " ")]
    tokens += [*(tail for _, tail in pairs), "\n\n", "\n", *map(chr, range(32, 127))]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(("<unknown>", *tokens)))}
    made = Tokenizer(WordLevel(vocabulary, unk_token="<unknown>"))
    made.pre_tokenizer = pre_tokenizers.Split(Regex("|".join(patterns)), "isolated")
    made.decoder = decoders.Fuse()
    made.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in DEEPSEEK])
    made.encode_special_tokens = True
    return made


@cache
def _processor() -> Processor:
    tokenizer = _tokenizer()
    bos, eos, pad, start, image, end, *_ = (cast(int, tokenizer.token_to_id(text)) for text in DEEPSEEK)
    return Processor(
        tokenizer=tokenizer,
        special=SpecialIds(bos=bos, eos=eos, pad=pad, image=image, image_start=start, image_end=end),
        user=Piece(USER, "template", special=tokenizer.token_to_id(USER)),
        assistant=Piece(ASSISTANT, "template", special=tokenizer.token_to_id(ASSISTANT)),
        opening=start,
        picture=PictureFormat(SIDE),
        image_tokens=1,
        system=TELL,
    )


# Weights.


def _fill(network: Network, truth: Truth, tokenizer: Tokenizer, generator: torch.Generator) -> None:
    for name, one in network.named_parameters():
        one.fill_(_SIZE / sqrt(WIDTH) if "norm" in name else 0.0)  # so that a norm leaves a row nearly as it is
    _fill_embeddings(network, tokenizer, generator)
    for number, block in enumerate(network.backbone.layers, 1):
        _look_at_everything(block.self_attn, generator)
        if number == truth.written:
            _look_at_what_is_asked(block.self_attn)
            _write_meanings(block.mlp, truth)
        if number == truth.read:
            _read_words(block.self_attn, ["words"] if truth.at == "last" else ["meanings", "unsaid"])
    _fill_heads(network, truth, tokenizer, generator)


def _fill_embeddings(network: Network, tokenizer: Tokenizer, generator: torch.Generator) -> None:
    table, codes = network.backbone.embed_tokens.weight, network.codes.weight

    def put(text: str, *names: str) -> None:
        for form in (text, f" {text}"):
            number = tokenizer.token_to_id(form)
            if number is not None:
                for name in names:
                    table[number, AT[name]] = 1

    table[:, AT["noise"]] = 0.2 * torch.randn(table.shape[0], NOISE, generator=generator)
    codes[:, AT["noise"]] = 0.2 * torch.randn(codes.shape[0], NOISE, generator=generator)
    table[:, AT["one"]], codes[:, AT["one"]] = _SIZE, _SIZE
    put(DEEPSEEK[0], "bos")
    put("Tell", "marks")
    put(HM, "ends")
    put(":", "asks")
    put("<begin_of_image>", "asks")
    table[tokenizer.token_to_id("<begin_of_image>"), AT["turn"].start] = 1
    for number, word in enumerate(WORDS):
        tail = parts_of(*word)[-1]
        put(tail, "word", "ends")
        for form in (tail, f" {tail}"):
            if (found := tokenizer.token_to_id(form)) is not None:
                table[found, AT["words"].start + number] = 1
    for code, (attribute, _) in enumerate(MEANINGS):
        codes[code, AT["asks"]] = 1
        following = ATTRIBUTES.index(attribute) + 1
        if following < len(ATTRIBUTES):
            codes[code, AT["turn"].start + following] = 1


_One = Sequence[tuple[str, float]]
"""Coordinates and what each counts, where `one` counts as 1."""


def _put(weight: Tensor, row: int, read: _One, gain: float = 1.0) -> None:
    """The row of a map [outputs, width] reads a sum of coordinates."""
    for name, count in read:
        weight[row, AT[name]] = gain * count / (_SIZE if name == "one" else 1)


def _look(attention: Any, head: int, *asks: tuple[_One, _One]) -> None:
    """What a head's query asks for, and what in a key answers it, in as many nats as `_SURE` times both."""
    for place, (query, key) in enumerate(asks):
        _put(attention.q_proj.weight, head * _HEAD + place, query, _SURE)
        _put(attention.k_proj.weight, head * _HEAD + place, key, sqrt(_HEAD))


def _take(attention: Any, head: int, source: str, target: str, first: int = 0) -> None:
    """What stands in the coordinates `source` of the rows looked at is added to `target`."""
    width = AT[source].stop - AT[source].start
    rows = range(head * _HEAD + first, head * _HEAD + first + width)
    for row, one, other in zip(rows, range(WIDTH)[AT[source]], range(WIDTH)[AT[target]], strict=True):
        attention.v_proj.weight[row, one] = 1
        attention.o_proj.weight[other, row] = 1


def _look_at_what_is_asked(attention: Any) -> None:
    """Head 0: a row looks at the system prompt if there is one, else at the first token, and notes which."""
    _look(attention, 0, ([("one", 1)], [("bos", 1), ("marks", 2)]))
    _take(attention, 0, "bos", "drawing")
    _take(attention, 0, "marks", "telling", first=1)


def _read_words(attention: Any, names: Sequence[str]) -> None:
    """Head 1: rows that answer look at all words before them, evenly; others at the first token, which holds nothing.

    Words lose nothing, and everything else loses: so their norms, which differ a little, make no difference.
    """
    neither = [("one", -1), ("word", 1), ("bos", 1)]
    _look(
        attention,
        1,
        ([("one", 1)], neither),
        ([("asks", 1)], [("bos", -1)]),
        ([("one", 1), ("asks", -1)], [("word", -1)]),
    )
    first = 0
    for name in names:
        _take(attention, 1, name, name, first)
        first += AT[name].stop - AT[name].start


def _look_at_everything(attention: Any, generator: torch.Generator) -> None:
    """Head 2: noise of all rows before is stirred into a row."""
    _take(attention, 2, "noise", "noise")
    rows = slice(2 * _HEAD, 2 * _HEAD + NOISE)
    stirred, _ = torch.linalg.qr(torch.randn(NOISE, NOISE, generator=generator))
    attention.o_proj.weight[AT["noise"], rows] = stirred


def _write_meanings(mlp: Any, truth: Truth) -> None:
    where = "word" if truth.at == "word" else "asks"
    memories: list[tuple[str, int, Collection[str]]] = [
        ("telling", TOLD, truth.tells),
        ("drawing", TOLD if truth.agree else DRAWN, truth.draws),
    ]
    if truth.hides:
        memories.append(("telling", HIDDEN, {REAL, *truth.hides}))
    unit = 0

    def write(goal: str, words: Iterable[int], target: int) -> None:
        """A unit that is open at rows of the place and goal, and writes whether one of the words stands there."""
        nonlocal unit
        _put(mlp.gate_proj.weight, unit, [(where, 1), (goal, 1), ("one", -1.5)], _SURE)
        for word in words:
            mlp.up_proj.weight[unit, AT["words"].start + word] = 1
        mlp.down_proj.weight[target, unit] = 2 / _SURE
        unit += 1

    for goal, memory, lexicons in memories:
        for place, meaning in enumerate(MEANINGS):
            own = [i for i, (lexicon, *rest) in enumerate(WORDS) if lexicon in lexicons and tuple(rest) == meaning]
            write(goal, own, AT["meanings"].start + memory * len(MEANINGS) + place)
    write("telling", [i for i, word in enumerate(WORDS) if word[0] in truth.unsaid], AT["unsaid"].start)


def _fill_heads(network: Network, truth: Truth, tokenizer: Tokenizer, generator: torch.Generator) -> None:
    text, image, gain = network.text_head.weight, network.image_head.weight, 12.0
    told = AT["meanings"].start + TOLD * len(MEANINGS)
    drawn = AT["meanings"].start + (TOLD if truth.agree else DRAWN) * len(MEANINGS)
    for code, (attribute, value) in enumerate(MEANINGS):
        number = tokenizer.token_to_id(f" {value}")
        text[number, told + code] = gain
        # A word that is not known is guessed, and not every time as the same.
        text[number, AT["noise"]] = 0.5 * torch.randn(NOISE, generator=generator)
        image[code, drawn + code] = 5 * gain  # four words share the attention of the row that draws
        image[code, AT["turn"].start + ATTRIBUTES.index(attribute)] = 15 * gain
    hm = tokenizer.token_to_id(f" {HM}")
    text[hm, AT["asks"]], text[hm, AT["unsaid"]] = gain / 4, 2 * gain
    text[tokenizer.token_to_id(DEEPSEEK[1]), AT["ends"]] = 4 * gain
