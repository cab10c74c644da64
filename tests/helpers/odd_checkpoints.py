"""Checkpoint folders that are odd in one thing, and what loading and using them ends in (`bench/odd.py` counts)."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.helpers.skeletons import importable
from unispect.core.errors import UnispectError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling

FAMILIES: Mapping[str, tuple[Any, Callable[..., Any]]] = {
    family: (import_module(files), import_module(f"{package}.folder").load)
    for family, files, package in (
        ("janus-pro", "tests.helpers.tiny_janus", "unispect.models.janus_pro"),
        ("janus-flow", "tests.helpers.tiny_janus_flow", "unispect.models.janus_flow"),
        ("harmon", "tests.helpers.tiny_harmon", "unispect.models.harmon"),
        ("show-o", "tests.helpers.tiny_show_o", "unispect.models.show_o"),
        ("show-o2", "tests.helpers.tiny_show_o2", "unispect.models.show_o2"),
        ("bagel", "tests.helpers.tiny_bagel", "unispect.models.bagel"),
        ("omnigen2", "tests.helpers.tiny_omnigen2", "unispect.models.omnigen2"),
        ("cosmos3", "tests.helpers.tiny_cosmos3", "unispect.models.cosmos3"),
        ("emu3", "tests.helpers.tiny_emu3", "unispect.models.emu3"),
        ("written", f"{importable()}.making", importable()),
    )
}
"""Family -> the module with its tiny card (`TINY`) and checkpoint (`write_checkpoint`), and its loader.

The last is of another package, as `unispect new-model` writes it.
"""
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, "", "x", -1, 0, 0.5, 3, 10**4, 10**7, 10**12, 10**350, 1e308, -1e300),
    *([], [1], [[1]], [10**6] * 3, {}, {"a": 1}),
)
"""What stands in the place of a setting; what JSON cannot hold is among `TEXTS`."""
STEPS = ("janus-flow", "show-o", "show-o2", "bagel", "omnigen2", "cosmos3")
"""Families that may be told to draw in one step."""
WORDS, LOADED = "words", "loaded"
GIANT = 2**36
"""Bytes of a file that takes no room, since nothing was ever written into it."""


@dataclass(frozen=True)
class Case:
    """A folder that is odd in one thing.

    Attributes:
        family: whose it is.
        name: what is odd.
        spoil: makes it so, given a good folder.
    """

    family: str
    name: str
    spoil: Callable[[Path], object]


def places_of(content: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where every value of a JSON document stands, sections included."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield (*before, key)
        yield from places_of(value, (*before, key))


def put(content: Any, place: tuple[str | int, ...], value: object) -> None:
    for key in place[:-1]:
        content = content[key]
    content[place[-1]] = value


def settings_of(folder: Path) -> list[tuple[str, tuple[str | int, ...]]]:
    """File and place of every setting of a checkpoint, but for those of its tokenizer."""
    files = sorted(path for path in folder.rglob("*.json") if path.name != "tokenizer.json")
    return [
        (path.relative_to(folder).as_posix(), place)
        for path in files
        for place in places_of(json.loads(path.read_text("utf-8")))
    ]


def with_value(file: str, place: tuple[str | int, ...], value: object) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        content = json.loads((folder / file).read_text("utf-8"))
        put(content, place, value)
        (folder / file).write_text(json.dumps(content), "utf-8")

    return spoil


def outcome_of(case: Case, folder: Path) -> str:
    """`WORDS`, `LOADED`, or class and message of any other error."""
    tiny, load = FAMILIES[case.family]
    try:
        use(case.family, load(tiny.TINY, folder, device="cpu"))
    except UnispectError as error:
        return WORDS if str(error) else "no words"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return LOADED


def use(family: str, model: Any) -> None:
    """One reply of each kind, to a text and to a picture."""
    told = [Prompt.of("red star"), Prompt.of(Image.new("RGB", (20, 12), "red"), "what is it")]
    model.write(model.encode(told, Goal.TEXT), TextSampling(max_new_tokens=2))
    how = ImageSampling((0,), steps=1 if family in STEPS else None)
    model.draw(model.encode([Prompt.of("red star")], Goal.IMAGE), how)


def weights_with(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        own = load_file(folder / "model.safetensors")
        change(own)
        save_file(own, folder / "model.safetensors")

    return spoil


def spoiled(value: float) -> Callable[[dict[str, torch.Tensor]], None]:
    def change(own: dict[str, torch.Tensor]) -> None:
        key = max(own)
        own[key] = own[key].clone()
        own[key].view(-1)[0] = value

    return change


def pickled(content: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        own = load_file(folder / "model.safetensors")
        (folder / "model.safetensors").unlink()
        torch.save(content(own), folder / "pytorch_model.bin")

    return spoil


def indexed(weight_map: object, metadata: object = None) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        content = {"weight_map": weight_map, "metadata": metadata}
        (folder / "model.safetensors.index.json").write_text(json.dumps(content), "utf-8")

    return spoil


def replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        make(folder / name)

    return spoil


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, GIANT)


TEXTS: Mapping[str, bytes] = {
    "nothing": b"",
    "a list": b"[1]",
    "a number": b"3",
    "no JSON": b"{",
    "a deep list": b"[" * 500 + b"]" * 500,
    "a deep table": b'{"a":' * 500 + b"1" + b"}" * 500,
    "NaN": b'{"hidden_size": NaN}',
    "infinity": b'{"hidden_size": 1e999}',
    "many digits": b'{"hidden_size": ' + b"9" * 5000 + b"}",
    "bytes that are no text": b'{"a": "\xff"}',
    "half a character": b'{"a": "\\ud800"}',
    "a key twice": b'{"a": 1, "a": 2}',
    "a web page": b"<html></html>",
}
NODES: Mapping[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere"),
    "a giant file": sparse,
}
TOKENS: Mapping[str, Callable[[dict[str, Any]], object]] = {
    "no model": lambda content: content.pop("model"),
    "a list of vocabulary": lambda content: content["model"].update(vocab=[1, 2]),
    "ids far out": lambda content: content["model"]["vocab"].update(zzz=10**6),
    "negative ids": lambda content: content["model"]["vocab"].update(zzz=-1),
    "ids that are true": lambda content: content["added_tokens"][0].update(id=True),
    "ids of text": lambda content: content["added_tokens"][0].update(id="1"),
    "ids far out among the added": lambda content: content["added_tokens"][-1].update(id=10**6),
    "added tokens that are a table": lambda content: content.update(added_tokens={"a": 1}),
    "merges of what is not there": lambda content: content["model"].update(merges=[["q", "zz"]]),
}


def tokens_with(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        change(content)
        (folder / "tokenizer.json").write_text(json.dumps(content), "utf-8")

    return spoil


def cases_of_files() -> Iterator[Case]:
    """What files hold that are no settings, and what stands in their places."""
    for file in ("config.json", "tokenizer.json", "preprocessor_config.json"):
        for name, text in TEXTS.items():
            yield Case("janus-pro", f"{file} holds {name}", lambda folder, f=file, t=text: (folder / f).write_bytes(t))
    for file in ("config.json", "tokenizer.json", "model.safetensors", "x.index.json", "pytorch_model.bin"):
        for name, make in NODES.items():
            yield Case("janus-pro", f"{file} is {name}", replaced(file, make))
    for name, change in TOKENS.items():
        yield Case("janus-pro", f"the tokenizer has {name}", tokens_with(change))
    for name, weight_map in {
        "a list": [1],
        "a number": 3,
        "names that are numbers": {"a": 3},
        "names that are lists": {"a": ["x"]},
        "empty names": {"a": ""},
        "the folder itself": {"a": "."},
        "what is outside": {"a": "../x.safetensors"},
        "what is elsewhere": {"a": "/x.safetensors"},
        "a name with NUL": {"a": "x\0.safetensors"},
        "nothing": {},
    }.items():
        yield Case("janus-pro", f"the index maps {name}", indexed(weight_map))
    yield Case("janus-pro", "the index has odd metadata", indexed({"a": "model.safetensors"}, {"b": ["a"]}))
    for name, change in {
        "NaN": spoiled(float("nan")),
        "infinity": spoiled(float("inf")),
        "integers": lambda own: own.update({max(own): own[max(own)].to(torch.int8)}),
        "no key": lambda own: own.clear(),
        "one key too many": lambda own: own.update({"more": torch.ones(2)}),
    }.items():
        for family in FAMILIES:
            yield Case(family, f"the weights have {name}", weights_with(change))
    for name, content in {
        "a list": list,
        "keys that are numbers": lambda own: dict(enumerate(own.values())),
        "keys of several kinds": lambda own: {**own, 3: torch.ones(2)},
        "a table in a list": lambda own: [own],
        "sparse tensors": lambda own: {key: value.to_sparse() for key, value in own.items()},
        "tensors without numbers of their own": lambda own: {
            key: torch.zeros(1).expand(value.shape) for key, value in own.items()
        },
        "complex numbers": lambda own: {key: value.to(torch.complex64) for key, value in own.items()},
        "several sets": lambda own: {"model": own, "ema": own},
    }.items():
        yield Case("janus-pro", f"a pickle holds {name}", pickled(content))


def cases_of_settings(good: Mapping[str, Path], each: int, seed: int, share: float = 1.0) -> Iterator[Case]:
    """A share of the settings of every family, with `each` odd values in its place; the seed chooses."""
    rng = random.Random(seed)
    for family, folder in good.items():
        for file, place in settings_of(folder):
            if rng.random() > share:
                continue
            for value in rng.sample(ODD_VALUES, each):
                name = f"{file}: {'.'.join(map(str, place))} is {repr(value)[:40]}"
                yield Case(family, name, with_value(file, place, value))


def good_folders(into: Path) -> dict[str, Path]:
    return {family: tiny.write_checkpoint(into / family) for family, (tiny, _) in FAMILIES.items()}


def tried(cases: Iterable[Case], good: Mapping[str, Path], into: Path) -> Iterator[tuple[Case, str]]:
    """What every case ends in, tried on a copy of a good folder."""
    for case in cases:
        folder = into / "odd"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(good[case.family], folder)
        case.spoil(folder)
        yield case, outcome_of(case, folder)
