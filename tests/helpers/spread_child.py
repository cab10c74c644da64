"""Tiny random models on a single device and spread over two, all pretended: what they drew, told and held, as JSON.

python -m tests.helpers.spread_child
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

# First, so that models find inference mode as it leaves it.
from tests.helpers.pretended_devices import MixedDevices, pretended_devices  # isort: skip

import torch
from torch import Tensor

from tests.helpers.contract_models import MODELS
from unispect.core.encoded import Encoded, LayerState
from unispect.core.errors import Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling, TextSampling
from unispect.models import keys
from unispect.models.base import DrawsApart, Intervenes, UnifiedModel
from unispect.models.edits import Add, Edit, Edits

DRAW = [Prompt.of("a red circle"), Prompt.of("the blue plus at the top")]
TELL = [Prompt.of("which color is a red circle?"), Prompt.of("what is it?")]


def outcome(model: UnifiedModel) -> dict[str, str]:
    """A digest of everything a model does."""
    drawing, telling = model.encode(DRAW, Goal.IMAGE), model.encode(TELL, Goal.TEXT)
    steps = 2 if {"steps", "iterations"} & model.card.defaults.keys() else None
    pictures = model.draw(drawing, ImageSampling((1, 2), steps=steps))
    editable = cast(Any, model)
    seeing = model.encode([Prompt.of(pictures[0].image, "what is it?")], Goal.TEXT)
    return {
        "draw": digest(picture.image.tobytes() for picture in pictures),
        "write": digest(reply.text.encode() for reply in model.write(telling, TextSampling((1, 2), max_new_tokens=6))),
        "score": digest(map(numbers, model.score(telling, [["red", "blue"], ["a circle", "plus"]]))),
        "edited score": digest(
            map(numbers, editable.score(telling, [["red", "blue"], ["plus"]], edits=changed(model)))
        ),
        "edited text": digest(
            reply.text.encode()
            for reply in editable.write(telling, TextSampling(max_new_tokens=4), edits=changed(model))
        ),
        "edited draw": digest(
            picture.image.tobytes()
            for picture in editable.draw(drawing, ImageSampling((1, 2), steps=steps), edits=changed(model))
        ),
        "see": digest(rows(model.states(seeing))),
        "probe": digest(states_of(model, drawing, pictures)),
        "edit": digest(edited(model, pictures[0], steps)),
    }


def changed(model: UnifiedModel) -> Edits:
    """Edits of the first sample at its first and at its last layers, of the second nothing."""
    assert isinstance(model, Intervenes)
    blocks, width = model.stacks["backbone"]
    row = torch.linspace(-1, 1, width)
    return [[Edit(layer, 1, Add(row)) for layer in (0, blocks - 1)], []]


def states_of(model: UnifiedModel, drawing: Encoded, pictures: Sequence[ImageReply]) -> Iterator[bytes]:
    """Those of the network that drew."""
    yield from rows(
        model.decoder_states(drawing, pictures) if isinstance(model, DrawsApart) else model.states(drawing, pictures)
    )


def edited(model: UnifiedModel, given: ImageReply, steps: int | None) -> Iterator[bytes]:
    try:
        drawing = model.encode([Prompt.of(given.image, "make it blue")], Goal.IMAGE)
    except (Unsupported, UsageError):
        return
    yield from (picture.image.tobytes() for picture in model.draw(drawing, ImageSampling((3,), steps=steps)))


def rows(states: Iterable[LayerState]) -> Iterator[bytes]:
    for state in states:
        yield from map(numbers, state.rows)


def numbers(tensor: Tensor) -> bytes:
    return tensor.detach().float().cpu().numpy().tobytes()


def digest(parts: Iterator[bytes]) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def compared(load: Callable[..., UnifiedModel], folder: Path) -> dict[str, Any]:
    one = outcome(load(folder, "float32", "pretend:0"))
    model = load(folder, "float32", "pretend:0,pretend:1")
    held = Counter[str]()
    for parameter in model.network.parameters():  # pyright: ignore[reportAttributeAccessIssue]
        held[str(parameter.device)] += parameter.numel()
    return {"one": one, "two": outcome(model), "held": held}


def unaided(load: Callable[..., UnifiedModel], folder: Path) -> str:
    """What goes wrong where no one brings rows to the weights: that the pretence notices."""
    kept, keys.let_rows_travel = keys.let_rows_travel, lambda *_: None
    try:
        outcome(load(folder, "float32", "pretend:0,pretend:1"))
    except MixedDevices as error:
        return str(error)
    finally:
        keys.let_rows_travel = kept
    return ""


def main() -> None:
    random = {name: load for name, load in MODELS.items() if not name.startswith("tiny-")}
    with TemporaryDirectory() as folder, pretended_devices():
        told = {name: compared(load, Path(folder) / name) for name, load in random.items()}
        control = unaided(random["janus-pro"], Path(folder) / "janus-pro")
    json.dump({"models": told, "unaided": control}, sys.stdout)


if __name__ == "__main__":
    main()
