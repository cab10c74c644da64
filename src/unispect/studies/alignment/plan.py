"""What is compared and looked at: words of the concept world, or the user's own texts and pictures.

Of every lexicon each word is an item. It is drawn in the names of some combinations, half of them one wording and half
another, and asked about in two wordings; so what the two goals share stands beside what two prompts of one goal share.
Words of one attribute are drawn in the same company and are exchangeable; others are not, they stand at another place
of a name. A text of the user is an item too, and is given for both goals as it is.

Attention is read out while pictures are drawn from a few prompts, and while a few pictures are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unispect.core.cards import Capability, ModelCard
from unispect.core.errors import UsageError
from unispect.core.prompts import Goal
from unispect.core.typed import to_json
from unispect.core.units import Plan, Skip, Unit
from unispect.data.concepts.language import NAME, draw_prompt
from unispect.data.concepts.lexicons import LEXICONS, PUBLISHED, REAL, Lexicon
from unispect.data.concepts.render import MIN_SIZE
from unispect.data.concepts.split import load_split
from unispect.data.prompts import PromptItem, load_prompts
from unispect.metrics.similarity import LEAST
from unispect.studies.alignment import study
from unispect.studies.alignment.records import Attending, Compared, How
from unispect.studies.base import Options
from unispect.studies.states.records import Asked

STUDY, VERSION = study.name, study.version

CONTEXTS = 8
"""Combinations in whose names each word is drawn, unless another number is asked for."""
LOOKED = 8
"""Prompts of each kind whose attention is read out."""
NEIGHBOURS = 5
PERMUTATIONS = 9999
OF_TEXTS = 1999
"""Permutations of the user's texts, which are more and make few claims."""
TEXTS = 128
"""Texts of the user that are compared, unless another number is asked for."""
MAX_NEW_TOKENS = 24

_WORLD = "world"


def plan(card: ModelCard, options: Options) -> Plan:
    """A comparison for each lexicon (or of all texts), and a prompt at a time whose attention is read out.

    Nothing is repeated for every seed: pictures are drawn once, for the first.

    Raises:
        UsageError: the options make no sense, or there is nothing to do.
        DataError: the prompts cannot be read.
    """
    if "probe" not in card.capabilities:
        return Plan((), (Skip("all prompts", f"{card.id} does not show its states"),))
    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit must be at least 1, not {options.limit}")
    seed = options.seeds[0] if options.seeds else 0
    data = (options.data,) if isinstance(options.data, str) else options.data or ()
    skips: list[Skip] = []
    if not data or tuple(data) == (_WORLD,):
        items, compared = _of_words(card, options, skips)
        how = How(k=NEIGHBOURS, permutations=PERMUTATIONS)
    else:
        limit = TEXTS if options.limit is None else options.limit
        loaded = load_prompts(options.data, limit=limit, image_size=card.image_size, memory=options.memory)
        skips += loaded.skips
        items, compared = _of_texts(loaded.items, skips)
        how = How(k=NEIGHBOURS, permutations=OF_TEXTS)
    lacking = [name for name in ("draw", "write") if name not in card.capabilities]
    if lacking:
        skips.append(Skip("drawing beside telling", f"{card.id} cannot {' or '.join(lacking)}"))
        compared = []
    units = [Unit(STUDY, VERSION, "compare", card.reference, to_json(one), to_json(how), seed) for one in compared]
    units += [
        Unit(STUDY, VERSION, "attend", card.reference, to_json(asked), to_json(attending), seed, item.locations)
        for item, asked, attending in _looked(card, items, skips)
    ]
    return Plan((tuple(units),), tuple(skips))


def _of_words(card: ModelCard, options: Options, skips: list[Skip]) -> tuple[list[PromptItem], list[Compared]]:
    held_out = load_split().held_out
    contexts = min(CONTEXTS if options.limit is None else max(2, options.limit), len(held_out))
    lexicons = [REAL, *(name for name in (*LEXICONS, PUBLISHED) if name in card.taught)]
    if len(lexicons) == 1:
        skips.append(Skip(f"lexicons {', '.join(LEXICONS[:-1])}", f"{card.id} was taught no invented words"))
    lexicons += [name for name in LEXICONS[-1:] if name not in lexicons]
    items = [
        PromptItem(f"{name} {number + 1}", "text", name, {"text": draw_prompt(Lexicon(name).words(concept))})
        for name in lexicons
        for number, concept in enumerate(held_out[: min(LOOKED, contexts)])
    ]
    size = max(card.image_size, MIN_SIZE)
    items += [
        PromptItem(f"picture {number + 1}", "image", "pictures", {"concept": dict(concept.values), "size": size}, NAME)
        for number, concept in enumerate(held_out[: min(LOOKED, contexts)])
    ]
    return items, [Compared(lexicon=name, contexts=contexts) for name in lexicons]


def _of_texts(items: Sequence[PromptItem], skips: list[Skip]) -> tuple[list[PromptItem], list[Compared]]:
    texts = [str(item.inputs["text"]) for item in items if item.modality == "text"]
    kept = [item for item in items if item.modality == "text"][:LOOKED]
    kept += [item for item in items if item.modality == "image"][:LOOKED]
    if len(texts) < LEAST:
        skips.append(Skip("drawing beside telling", f"{len(texts)} texts are too few to compare: {LEAST} at least"))
        return kept, []
    return kept, [Compared(texts=texts)]


def _looked(
    card: ModelCard, items: Sequence[PromptItem], skips: list[Skip]
) -> Iterator[tuple[PromptItem, Asked, Attending]]:
    needs: dict[str, tuple[Capability, ...]] = {"text": ("attend", "draw"), "image": ("attend", "write", "see")}
    for modality, goal, what in (
        ("text", Goal.IMAGE, "attention while a picture is drawn"),
        ("image", Goal.TEXT, "attention while a picture is named"),
    ):
        own = [item for item in items if item.modality == modality]
        lacking = [name for name in needs[modality] if name not in card.capabilities]
        if own and lacking:
            skips.append(Skip(what, f"{card.id} cannot {' or '.join(lacking)}"))
        elif own and goal in card.no_states:
            skips.append(Skip(what, f"not applicable: {card.no_states[goal]}"))
        elif own:
            attending = Attending(goal=goal, max_new_tokens=MAX_NEW_TOKENS if goal is Goal.TEXT else 0)
            for item in own:
                question = (item.question or NAME) if modality == "image" else ""
                yield item, Asked(id=item.id, group=item.kind, prompt=dict(item.inputs), question=question), attending
