"""What models draw and tell of held-out riddles (`--data world-riddles`), graded by rules, kind by kind.

Counted is the attribute that a riddle is about (of plain prompts, every attribute counts a quarter): drawn from the
riddle, drawn from the plain prompt that spells it out, and told. Chance is exact: what a guess among the values gives
that the words name, or that this kind is ever about (`Riddle.candidates`). "beside" are the three attributes that a
riddle says plainly, drawn from it. Intervals of 95 % are over prompts, which count once each.

    python bench/riddles.py --models tiny-janus-pro=FOLDER tiny-janus-pro --limit 48
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

import unispect
from unispect.core.findings import Interval
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.core.seeds import seed_for
from unispect.data.concepts.grade import grade_all
from unispect.data.concepts.language import draw_prompt, riddle_question
from unispect.data.concepts.reading import read_description
from unispect.data.concepts.riddles import KINDS, PLAIN, Riddle
from unispect.data.concepts.world import ATTRIBUTES, VALUES
from unispect.data.world_riddles import ITEMS, held_out_riddles
from unispect.metrics.crossed import crossed_difference, crossed_mean
from unispect.models.base import UnifiedModel

BATCH = 28
Values = Mapping[str, str | None]


def drawn(model: UnifiedModel, texts: Sequence[str], seed: int) -> list[Values]:
    """What pictures of prompts show; each has a seed of its own."""
    found: list[Values] = []
    for start in range(0, len(texts), BATCH):
        part = texts[start : start + BATCH]
        encoded = model.encode([Prompt.of(text) for text in part], Goal.IMAGE)
        seeds = tuple(seed_for("riddles", seed, text) for text in part)
        found += [one.values for one in grade_all(r.image for r in model.draw(encoded, ImageSampling(seeds=seeds)))]
    return found


def told(model: UnifiedModel, texts: Sequence[str]) -> list[Values]:
    """What a model says that pictures of prompts would show."""
    found: list[Values] = []
    for start in range(0, len(texts), BATCH):
        prompts = [Prompt.of(riddle_question(text)) for text in texts[start : start + BATCH]]
        replies = model.write(model.encode(prompts, Goal.TEXT), TextSampling(max_new_tokens=48))
        found += [read_description(reply.text) for reply in replies]
    return found


def right(riddle: Riddle, values: Values) -> float:
    asked = [riddle.attribute] if riddle.attribute else list(ATTRIBUTES)
    return sum(values[attribute] == riddle.concept.values[attribute] for attribute in asked) / len(asked)


def beside(riddle: Riddle, values: Values) -> float:
    said = [attribute for attribute in ATTRIBUTES if attribute != riddle.attribute]
    return sum(values[attribute] == riddle.concept.values[attribute] for attribute in said) / len(said)


def chance(riddle: Riddle) -> float:
    if riddle.attribute:
        return 1 / len(riddle.candidates)
    return sum(1 / len(VALUES[attribute]) for attribute in ATTRIBUTES) / len(ATTRIBUTES)


def measured(name: str, limit: int, seed: int) -> dict[str, dict[str, list[float]]]:
    """Kind -> condition -> right, riddle by riddle."""
    model = unispect.load(name, device="cpu", dtype="float32")
    found: dict[str, dict[str, list[float]]] = defaultdict(dict)
    for kind in (PLAIN, *KINDS):
        riddles = held_out_riddles(kind)[:limit]
        texts = [one.text for one in riddles]
        pictures = drawn(model, texts, seed)
        spelled = drawn(model, [draw_prompt(one.concept.values) for one in riddles], seed)
        for what, values in (("drawn", pictures), ("spelled", spelled), ("told", told(model, texts))):
            found[kind][what] = [right(one, own) for one, own in zip(riddles, values, strict=True)]
        found[kind]["beside"] = [beside(one, own) for one, own in zip(riddles, pictures, strict=True)]
        found[kind]["chance"] = [chance(one) for one in riddles]
    return found


def said(interval: Interval) -> str:
    return f"{interval.estimate:4.2f} [{interval.low:5.2f}, {interval.high:4.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--limit", type=int, default=ITEMS, help="riddles of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also what was right, riddle by riddle, as JSON")
    args = parser.parse_args()
    torch.set_num_threads(1)
    every = {}
    for name in args.models:
        every[name] = measured(name, args.limit, args.seed)
        print(f"\n{name}\nkind         n  chance  drawn               told                spelled", end="")
        print("             beside  told - drawn")
        for kind, own in every[name].items():
            keys = [f"{kind} {number}" for number in range(len(own["drawn"]))]
            shares = [crossed_mean(own[what], {"riddles": keys}) for what in ("drawn", "told", "spelled")]
            less = crossed_difference(own["told"], {"riddles": keys}, own["drawn"], {"riddles": keys})
            mean = {what: sum(own[what]) / len(own[what]) for what in ("chance", "beside")}
            print(
                f"{kind:9} {len(keys):4d}  {mean['chance']:6.2f}  {'  '.join(map(said, shares))}  "
                f"{mean['beside']:6.2f}  {said(less)}",
                flush=True,
            )
    if args.out:
        args.out.write_text(json.dumps(every, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
