"""What commands do with several hundred odd inputs: files, tables, recipes, run folders, cassettes and places.

    python bench/odd_inputs.py [--template FOLDER] [--only WORD ...] [--list]

Every case runs one command in a process of its own, forked from one that has imported everything, in a fresh folder,
and is stopped at 2 GiB. Counted are: ended in words (an exit code and a line that says what is wrong), fine (exit code
0), internal errors (a traceback, a death by signal, or no word at all), hangs (more than 10 seconds of processor time,
or two minutes on the clock; doctor, which tries every family, may take six times as long), and more than 1 GiB of
memory at the peak. The last three are to be 0.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import socket
import sqlite3
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

SECONDS = 10.0
TIMEOUT = 12.0
"""Seconds on the clock, on a busy machine, for one of the processor."""
GIB = 2**30
MODEL = "tiny-janus-pro-bound"
FEW = 6
"""Records of each kind in run folders that are written again."""
MANY = 10
"""Odd payloads of each kind of record that are tried, at random."""


@dataclass(frozen=True)
class Case:
    """One odd input.

    Attributes:
        name: family and what is odd.
        make: puts the input into the working directory.
        command: without the program's name, or a script of `reproductions` and what it is given.
        seconds: of the processor, beyond which it counts as hanging.
    """

    name: str
    make: Callable[[], None]
    command: Sequence[str]
    seconds: float = SECONDS


# --- texts


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + "1" + closing * levels


VALUES = {
    "null": "null",
    "truth": "true",
    "a negative number": "-1",
    "a large number": "1e308",
    "NaN": "NaN",
    "infinity": "-Infinity",
    "an overflow": "1e999",
    "1,000 digits": "9" * 1000,
    "5,000 digits": "9" * 5000,
    "nothing": '""',
    "a space": '" "',
    "half a character": '"\\ud800"',
    "a zero byte": '"\\u0000"',
    "a path upwards": '"../../x"',
    "a long text": json.dumps("x" * 100_000),
    "a list": "[]",
    "an object": "{}",
    "deep": nested(300),
    "deeper": nested(20_000),
    "never closed": "[" * 100_000,
}
WHOLES: dict[str, bytes] = {
    "empty": b"",
    "a space": b" ",
    "null": b"null",
    "a number": b"3",
    "a list": b"[]",
    "an object": b"{}",
    "cut off": b'{"a": ',
    "deep": nested(20_000).encode(),
    "deep objects": nested(5000, '{"a":', "}").encode(),
    "UTF-16": '{"prompt": "a"}'.encode("utf-16"),
    "Latin-1": '{"prompt": "ä"}'.encode("latin-1"),
    "zero bytes": bytes(100),
    "noise": random.Random(0).randbytes(1000),
    "spaces": b" " * 2**20,
    "line ends": b"\n" * 2_000_000,
    "one long line": b"x" * 2**23,
    "a line too many": b"a\n" * 500_001,
    "half a million lines": b"\n".join(b"a star in style %d" % n for n in range(500_000)),
}
YAMLS: dict[str, bytes] = {
    "deep lists": nested(3000).encode(),
    "deep blocks": b"- " * 3000 + b"a",
    "deep mappings": b"{a: " * 3000,
    "5,000 digits": b"a: " + b"9" * 5000,
    "base 60": b"a: 1" + b":10" * 3000,
    "infinity": b"a: .inf",
    "NaN": b"- .nan",
    "itself": b"&a [1, *a]",
    "references": b"\n".join(
        [b"- &a0 [1]", *(b"- &a%d [%s]" % (n + 1, b",".join([b"*a%d" % n] * 9)) for n in range(12))]
    ),
    "a key twice": b"{a: 1, a: 2}",
    "a tag": b"!!python/name:os.system",
    "no truth": b"a: !!bool perhaps",
    "no date": b"a: 2001-13-45",
    "no binary": b"a: !!binary x",
    "a list as key": b"? [1]\n: 2",
    "half a character": b'a: "\\ud800"',
    "two documents": b"a\n---\nb\n",
    "many values": b"[" + b"a," * 200_000 + b"]",
}


def write(name: str, data: str | bytes) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)


def fitted(template: str) -> Iterator[tuple[str, str]]:
    """The JSON text with an odd value at each `@` in turn, and a harmless one at the others."""
    places = template.count("@")
    for at in range(places):
        for name, value in VALUES.items():
            parts = template.split("@")
            text = parts[0]
            for number, part in enumerate(parts[1:]):
                text += (value if number == at else '"a"') + part
            yield f"{name} at {at + 1}", text


# --- places


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 * 10**9)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


PLACES: dict[str, Callable[[Path], None]] = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": _fifo,
    "a socket": _socket,
    "20 GB": _sparse,
    "a link to itself": _loop,
    "a broken link": lambda path: path.symlink_to("gone"),
    "endless zeros": lambda path: path.symlink_to("/dev/zero"),
    "an empty device": lambda path: path.symlink_to("/dev/null"),
    "a pipe behind a link": lambda path: (os.mkfifo("p"), path.symlink_to("p"))[-1],
    "a file of the kernel": lambda path: path.symlink_to("/proc/self/environ"),
}
ODD_NAMES = {"zero byte": "a\0b", "long": "x" * 400, "half a character": "\ud800", "nothing": "", "home": "~nobody/x"}


# --- pictures


def png(width: int, height: int, kind: int = 2, data: bytes | None = None, bits: int = 8) -> bytes:
    """A PNG file that says it has that size; its pixels are black unless given."""
    channels = {0: 1, 2: 3, 6: 4}[kind]

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    if data is None:
        packer = zlib.compressobj(9)
        row = bytes(1 + width * channels * bits // 8)
        data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PICTURES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "no picture": lambda: b"<html></html>",
    "cut off": lambda: png(64, 64)[:60],
    "no pixels": lambda: png(64, 64, data=b""),
    "no width": lambda: png(0, 64, data=zlib.compress(b"")),
    "4 billion pixels claimed": lambda: png(65_535, 65_535, data=b""),
    "49 million pixels": lambda: png(7000, 7000),
    "49 million pixels with alpha": lambda: png(7000, 7000, 6),
    "49 million pixels of 16 bits": lambda: png(7000, 7000, 0, bits=16),
    "49 million pixels of 16 bits in colour": lambda: png(7000, 7000, 2, bits=16),
    "51 million pixels": lambda: png(7150, 7150),
    "30 million in a row": lambda: png(30_000_000, 1),
    "EPS": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>',
}


def valid_png() -> bytes:
    return png(64, 64)


# --- catalogue


def drawing(data: str, model: str = MODEL) -> list[str]:
    return ["run", "drawing", "--model", model, "--data", data, "--limit", "1", "--seeds", "0", "--out", "run"]


def encoding(data: str) -> list[str]:
    return [*drawing(data)[:1], "encoding", *drawing(data)[2:], "--preset", "paper"]


def study(name: str, data: str) -> list[str]:
    return [*drawing(data)[:1], name, *drawing(data)[2:]]


BIND = ["train", "finetune", "--model", "tiny-janus-pro", "--out", "bound", "--dry-run", "--device", "cpu"]
LOCAL = "openai:chat+image@http://127.0.0.1:9/v1"


def readers() -> dict[str, tuple[str, list[str]]]:
    """Reader -> the file that is odd, and the command that reads it."""
    return {
        "geneval": ("x.jsonl", drawing("geneval:x.jsonl")),
        "text": ("x.txt", drawing("text:x.txt")),
        "mmbench": ("x.tsv", encoding("mmbench:x.tsv")),
        "t2i-corebench": ("C-MI.json", drawing("t2i-corebench:.")),
        "t2i-corebench lines": ("C-MI.jsonl", drawing("t2i-corebench:.")),
        "checklists": ("C-MI.json", drawing("t2i-corebench:.")),
        "dpg-bench": ("x.csv", drawing("dpg-bench:x.csv")),
        "wise": ("x.json", drawing("wise:x.json")),
        "photographs": ("faces_metadata.json", study("faces", "photos:.")),
        "gradings": ("posters-1.json", ["reproductions.posters", "."]),
        "captions": ("x.jsonl", [*BIND, "--recipe", "tiny-bound", "--auxiliary", "x.jsonl"]),
        "subjects": ("x.yaml", study("posters", "x.yaml")),
        "scenario": ("x.yaml", study("safety", "x.yaml")),
        "recipe": ("x.yaml", [*BIND, "--recipe", "x.yaml"]),
        "prices": ("x.yaml", [*drawing("text:p.txt", LOCAL), "--prices", "x.yaml", "--max-cost", "1"]),
        "cassette": ("x.jsonl", [*drawing("text:p.txt", LOCAL), "--cassette", "x.jsonl", "--replay"]),
        "tokenizer": ("t.json", ["reproductions.table_1", "--data", "t2i-corebench:.", "--tokenizer", "t.json"]),
        "bare": ("x", drawing("x")),
    }


def beside(reader: str) -> None:
    """What must lie beside a reader's file for it to be read at all."""
    write("p.txt", "a red star\n")
    write("a.png", valid_png())
    if reader in ("t2i-corebench", "t2i-corebench lines", "checklists", "tokenizer"):
        from unispect.data.t2i_corebench import TYPES

        ending = ".jsonl" if reader.endswith("lines") else ".json"
        for name in (one for group in TYPES.values() for one in group):
            entry = {"Prompt": "a red star"}
            write(name + ending, json.dumps(entry if ending == ".jsonl" else {f"{name}-001": entry}))


def metadata_name() -> str:
    from unispect.data.faces.photographs import METADATA

    return str(METADATA)


TEMPLATES: dict[str, str] = {
    "geneval": '{"prompt": @, "tag": @, "include": @}',
    "checklists": '{"C-MI-001": {"Prompt": "a", "Checklist": [{"question": @, "tags": @}, @]}}',
    "wise": '[{"prompt_id": @, "Prompt": @, "Explanation": @, "Category": "time"}, @]',
    "t2i-corebench": '{"C-MI-001": {"Prompt": @}, "b": @}',
    "t2i-corebench lines": '{"Prompt": @, "id": @}',
    "photographs": '{"generated_faces": [{"image_name": @, "attributes": {"name": @, "gender": @}}]}',
    "gradings": '{"metadata": {"model": @, "total_posters": @}, "posters": {"1": @}}',
    "captions": '{"file_name": @, "text": @, "roi": @}',
}


def texts() -> Iterator[Case]:
    for reader, (file, command) in readers().items():
        file = metadata_name() if reader == "photographs" else file
        odd: dict[str, str | bytes] = {}
        if reader in TEMPLATES:
            odd |= dict(fitted(TEMPLATES[reader]))
        odd |= WHOLES
        if file.endswith(".yaml"):
            odd |= YAMLS
            odd |= {
                f"a list of {name}": f"- {value}\n".encode("utf-8", "surrogatepass") for name, value in VALUES.items()
            }
        for name, data in odd.items():
            yield Case(f"{reader}: {name}", lambda r=reader, f=file, d=data: (beside(r), write(f, d))[-1], command)
        for name, place in PLACES.items():

            def make(reader: str = reader, file: str = file, place: Callable[[Path], None] = place) -> None:
                beside(reader)
                Path(file).unlink(missing_ok=True)
                place(Path(file))

            yield Case(f"{reader}: {name}", make, command)
    for name, odd_name in ODD_NAMES.items():
        for source in ("geneval", "text", "images", "mmbench", "t2i-corebench"):
            yield Case(f"{source}: named {name}", lambda: None, drawing(f"{source}:{odd_name}"))
        for command in (
            study("posters", f"{odd_name}.yaml"),
            study("safety", f"{odd_name}.yaml"),
            [*BIND, "--recipe", f"{odd_name}.yaml"],
            [*BIND, "--recipe", "tiny-bound", "--auxiliary", odd_name],
            ["reproductions.posters", odd_name],
            ["report", odd_name],
            ["status", odd_name],
            ["export", odd_name],
            ["merge", odd_name, "--out", "merged"],
            ["grade", odd_name],
            ["review", odd_name, "--out", "x.csv"],
            ["run", "drawing", "--model", f"janus-pro-1b={odd_name}", "--out", "run"],
            [*drawing("world")[:-1], odd_name],
        ):
            yield Case(f"{' '.join(command[:2])}: named {name}", lambda: None, command)


def pictures() -> Iterator[Case]:
    for name, made in PICTURES.items():
        yield Case(f"images: {name}", lambda m=made: write("d/a.png", m()), encoding("images:d"))
        yield Case(
            f"subjects' picture: {name}",
            lambda m=made: (write("a.png", m()), write("x.yaml", "- {title: A, year: 1987, image: a.png}"))[-1],
            study("posters", "x.yaml"),
        )
    for name, place in PLACES.items():

        def lone(place: Callable[[Path], None] = place) -> None:
            Path("d").mkdir()
            os.chdir("d")
            place(Path("a.png"))
            os.chdir("..")

        def named(place: Callable[[Path], None] = place) -> None:
            place(Path("a.png"))
            write("x.yaml", "- {title: A, year: 1987, image: a.png}")

        yield Case(f"images: {name}", lone, encoding("images:d"))
        yield Case(f"subjects' picture: {name}", named, study("posters", "x.yaml"))
    for name, odd_name in ODD_NAMES.items():
        text = f"- {{title: A, year: 1987, image: {json.dumps(odd_name)}}}"
        yield Case(f"subjects' picture: named {name}", lambda t=text: write("x.yaml", t), study("posters", "x.yaml"))


# --- run folders


def whole(template: Path) -> None:
    shutil.copytree(template, "r")


def rewritten(template: Path, change: Callable[[Any], Any], study: str = "") -> None:
    """A few records of the run, written by the store itself, with entries changed: also its sums fit what is odd."""
    from unispect.runs.manifest import Invocation
    from unispect.runs.store import RunStore

    with RunStore.open(template) as old, RunStore.create("r") as new:
        new.add_invocation(Invocation(("unispect", "run")), old.cards().values())
        seen: Counter[tuple[str, str]] = Counter()
        entries = []
        for entry in old.entries(study or None):
            seen[entry.unit.study, entry.unit.kind] += 1
            if seen[entry.unit.study, entry.unit.kind] <= FEW:
                entries.append(change(entry))
        new.plan([entry.unit for entry in entries])
        new.record([replace(entry.record, pictures=dict(entry.record.pictures), blobs={}) for entry in entries])
        new.grade([grade for entry in entries for grade in entry.grades.values()])


ODD_PAYLOADS: dict[str, Any] = {
    "null": None,
    "a text": "x",
    "a negative number": -1,
    "a large number": 1e308,
    "a huge integer": 10**60,
    "a list": [],
    "an object": {},
    "a list of lists": [[[]]],
    "deep": json.loads(nested(90)),
    "truth": True,
}


def changes(value: Any) -> list[tuple[str, Any]]:
    """The same payload with a key left out, or given an odd value."""
    found: list[tuple[str, Any]] = [("no keys", {})]
    for key in value if isinstance(value, dict) else ():
        found.append((f"without {key}", {name: inner for name, inner in value.items() if name != key}))
        found += [(f"{key} is {name}", {**value, key: odd}) for name, odd in ODD_PAYLOADS.items()]
    return found


def run_folders(template: Path) -> Iterator[Case]:
    from unispect.runs.store import RunStore

    rng = random.Random(0)
    with RunStore.open(template) as store:
        entries = {(one.unit.study, one.unit.kind): one for one in store.entries() if one.record.status == "done"}
    for (name, kind), entry in entries.items():
        parts: list[tuple[str, str, Any]] = [("payload", "", entry.record.payload), ("inputs", "", entry.unit.inputs)]
        parts += [("settings", "", entry.unit.settings)]
        parts += [("grade", judge, grade.payload) for judge, grade in entry.grades.items()]
        odd = [(part, judge, what, value) for part, judge, own in parts for what, value in changes(dict(own))]
        for part, judge, what, value in rng.sample(odd, min(MANY, len(odd))):

            def change(
                entry: Any, name: str = name, kind: str = kind, part: str = part, judge: str = judge, value: Any = value
            ) -> Any:
                if (entry.unit.study, entry.unit.kind) != (name, kind):
                    return entry
                if part == "payload":
                    return replace(entry, record=replace(entry.record, payload=value))
                if part == "grade":
                    grades = {**entry.grades}
                    if judge in grades:
                        grades[judge] = replace(grades[judge], payload=value)
                    return replace(entry, grades=grades)
                unit = replace(entry.unit, **{part: {**value, "made apart": entry.unit.id}})
                grades = {one: replace(grade, unit=unit.id) for one, grade in entry.grades.items()}
                return replace(entry, unit=unit, record=replace(entry.record, unit=unit.id), grades=grades)

            command = rng.choice((["report", "r"],) * 5 + (["grade", "r"], ["merge", "r", "--out", "m"]))
            yield Case(
                f"record {name}/{kind}, {part} {what}: {command[0]}",
                lambda c=change, n=name: rewritten(template, c, n),
                command,
            )
    yield from damaged(template)


def by_sql(template: Path, statement: str, *values: Any) -> None:
    whole(template)
    with contextlib.closing(sqlite3.connect("r/run.sqlite")) as database:
        database.execute(statement, values)
        database.commit()


def damaged(template: Path) -> Iterator[Case]:
    commands = [["report", "r"], ["status", "r"], ["export", "r", "--format", "jsonl"], ["grade", "r"]]
    commands += [["merge", "r", "--out", "m"], [*drawing("world")[:-1], "r"]]
    for number, (name, value) in enumerate(VALUES.items()):
        for column in ("records.payload", "units.inputs", "grades.payload"):
            table, field = column.split(".")
            statement = f"UPDATE {table} SET {field} = ?"
            command = commands[number % len(commands)]
            yield Case(
                f"{column} is {name}: {command[0]}", lambda s=statement, v=value: by_sql(template, s, v), command
            )
    for number, (name, data) in enumerate([*WHOLES.items(), *((n, v.encode()) for n, v in VALUES.items())]):
        for file in ("run.json", "run.sqlite", "run.lock"):
            command = commands[number % len(commands)]
            yield Case(
                f"{file}, {name}: {command[0]}",
                lambda f=file, d=data: (whole(template), write(f"r/{f}", d))[-1],
                command,
            )
    for number, (name, place) in enumerate(PLACES.items()):
        for file in ("run.json", "run.sqlite", "run.lock", "blobs"):

            def make(file: str = file, place: Callable[[Path], None] = place) -> None:
                whole(template)
                os.chdir("r")
                shutil.rmtree(file) if Path(file).is_dir() else Path(file).unlink(missing_ok=True)
                place(Path(file))
                os.chdir("..")

            command = commands[number % len(commands)]
            yield Case(f"{file}, {name}: {command[0]}", make, command)
    for name, made in PICTURES.items():

        def swap(made: Callable[[], bytes] = made) -> None:
            data = made()
            rewritten(
                template,
                lambda entry: replace(
                    entry, record=replace(entry.record, pictures=dict.fromkeys(entry.record.pictures, data))
                ),
            )

        if made()[:4] == b"\x89PNG":
            for command in (["grade", "r", "--judge", "rules"], ["report", "r"]):
                yield Case(f"pictures, {name}: {command[0]}", lambda s=swap: s(), command)
    header = "row,statement,wanted,judged,status,reason"
    for name, data in {**WHOLES, "too many cells": f"{header}\n1,2,3,4,5,6,7", "an open quote": f'{header}\n"'}.items():
        yield Case(
            f"review table, {name}",
            lambda d=data: (whole(template), write("x.csv", d))[-1],
            ["review", "r", "--edited", "x.csv", "--by", "A"],
        )


def cassettes() -> Iterator[Case]:
    """Lines whose sum is right and whose values are not."""
    command = [*drawing("text:p.txt", LOCAL), "--cassette", "x.jsonl", "--replay"]
    reply = {"text": "a", "usage": None, "picture": "", "model": "m", "finish": "stop", "refusal": ""}
    base: dict[str, Any] = {"kind": "reply", "number": 1, "key": "k", "cost": 0.1, "reply": reply}
    for what, entry in [*changes(base), *((f"reply: {w}", {**base, "reply": r}) for w, r in changes(reply))]:

        def make(entry: Any = entry) -> None:
            from unispect.chat.cassette import VERSION
            from unispect.core.units import digest

            write("p.txt", "a red star\n")
            lines = [{"entry": one, "sum": digest(one)} for one in ({"kind": "cassette", "version": VERSION}, entry)]
            write("x.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

        yield Case(f"cassette line, {what}", make, command)


def checkpoints() -> Iterator[Case]:
    """A few; how checkpoints are read has tests of its own."""
    for name, data in [*list(WHOLES.items())[:12], *((n, v.encode()) for n, v in VALUES.items())]:
        yield Case(
            f"config.json, {name}",
            lambda d=data: (write("w/config.json", d), write("w/model.safetensors", b"\2" + bytes(7) + b"{}"))[-1],
            ["run", "drawing", "--model", "janus-pro-1b=w", "--out", "run"],
        )


def places(template: Path) -> Iterator[Case]:
    """Where a run folder, or what is written, should be."""
    for name, place in PLACES.items():
        for command in (
            ["report", "x"],
            ["status", "x"],
            ["export", "x"],
            ["merge", "x", "--out", "m"],
            ["grade", "x"],
            ["review", "x", "--out", "t.csv"],
            ["run", "drawing", "--model", "janus-pro-1b=x", "--out", "run"],
            [*drawing("world")[:-1], "x"],
        ):
            yield Case(f"place: {name}: {command[0]}", lambda p=place: p(Path("x")), command)
        for command in (
            ["report", "r", "--out", "x"],
            ["export", "r", "--out", "x", "--format", "geneval"],
            ["merge", "r", "--out", "x"],
            ["review", "r", "--out", "x"],
        ):
            yield Case(f"out: {name}: {command[0]}", lambda p=place: (whole(template), p(Path("x")))[-1], command)


def surroundings() -> Iterator[Case]:
    for name, value in {"nonsense": "::", "a number": "-1", "a folder": "/", "a zero": "0"}.items():
        for variable in ("SSL_CERT_FILE", "HTTPS_PROXY", "OMP_NUM_THREADS"):
            yield Case(
                f"doctor, {variable} {name}",
                lambda n=variable, v=value: os.environ.update({n: v}),
                ["doctor"],
                6 * SECONDS,
            )


def catalogue(template: Path) -> Iterator[Case]:
    yield from texts()
    yield from pictures()
    yield from cassettes()
    yield from checkpoints()
    yield from surroundings()
    yield from places(template)
    yield from run_folders(template)


# --- carrying out


def make_template(folder: Path) -> None:
    """A run of every study on a tiny model, small."""
    from unispect import cli

    os.chdir(folder.parent)
    write("p.txt", "a red star\n")
    write("a.png", valid_png())
    write("x.yaml", "- {title: The Night Ferry, year: 1987, image: a.png}\n")
    write("g.jsonl", '{"prompt": "a red star", "tag": "t", "include": []}\n')
    common = ["--model", MODEL, "--seeds", "0", "--limit", "1", "--out", str(folder)]
    for name, more in {
        "concepts": [],
        "encoding": ["--preset", "paper"],
        "response": ["--preset", "paper"],
        "drawing": ["--data", "geneval:g.jsonl"],
        "safety": [],
        "posters": ["--data", "x.yaml"],
    }.items():
        if cli.main(["run", name, *common, *more]):
            raise SystemExit(f"the template's {name} failed")
    cli.main(["grade", str(folder)])


@dataclass(frozen=True)
class Outcome:
    """What came of a case: its kind, the last line, seconds of the processor, and bytes at the peak."""

    kind: str
    said: str
    seconds: float
    peak: int


def carry_out(case: Case, folder: Path) -> Outcome:
    folder.mkdir()
    began = time.monotonic()
    child = os.fork()
    if not child:
        _child(case, folder)
    stopped = False
    while True:
        done, state, used = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - began > TIMEOUT * case.seconds or _held(child) > 2 * GIB:
            os.kill(child, signal.SIGKILL)
            stopped = True
        time.sleep(0.02)
    text = (folder / ".said").read_text("utf-8", "replace") if (folder / ".said").exists() else ""
    last = (text.strip().splitlines() or [""])[-1]
    seconds, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
    code = os.waitstatus_to_exitcode(state)
    kind = "fine" if code == 0 else "words"
    if peak > GIB or "out of memory" in last:
        kind = "memory"
    elif stopped or seconds > case.seconds:
        kind = "hang"
    elif "Traceback" in text or "internal error" in text or code < 0 or (code and not last):
        kind = "internal"
    shutil.rmtree(folder, ignore_errors=True)
    return Outcome(kind, last, seconds, peak)


def _held(process: int) -> int:
    """Bytes; limits on address space would stop the engine that draws charts, which reserves far more than it uses."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()
    return 0


def main_of(first: str) -> Callable[[list[str]], int]:
    """What carries out a command that begins with this word: a script of this repository, or the command line."""
    if not first.startswith("reproductions."):
        from unispect import cli

        return cli.main
    sys.path.insert(0, str(Path(__file__).parents[1]))
    script = import_module(f"{first}.__main__")
    return lambda command: script.main(command[1:])


def _child(case: Case, folder: Path) -> None:
    """Never returns."""
    code = 1
    try:
        os.chdir(folder)
        said = os.open(".said", os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        case.make()
        code = main_of(case.command[0])(list(case.command))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        os.write(2, f"Traceback: {type(error).__name__}: {error}\n".encode("utf-8", "backslashreplace"))
    finally:
        os._exit(code)


def import_everything() -> None:
    """Once, so that each case need not."""
    import pkgutil

    import unispect

    for module in pkgutil.walk_packages(unispect.__path__, "unispect."):
        if "__main__" not in module.name and "accelerate" not in module.name:
            with contextlib.suppress(ImportError):
                import_module(module.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--template", type=Path, help="a run folder made by this script before")
    parser.add_argument("--only", nargs="+", default=[], help="cases whose names hold one of these")
    parser.add_argument("--every", type=int, default=1, help="of the cases, one in so many")
    parser.add_argument("--list", action="store_true", help="print every case with what came of it")
    args = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    with tempfile.TemporaryDirectory() as place:
        base = Path(place)
        template = args.template.resolve() if args.template else base / "template"
        if not template.exists():
            child = os.fork()
            if not child:
                try:
                    make_template(template)
                    os._exit(0)
                finally:
                    os._exit(1)
            if os.waitpid(child, 0)[1]:
                return 1
        import_everything()
        found: Counter[str] = Counter()
        bad: list[str] = []
        slowest = largest = 0.0
        cases = [one for one in catalogue(template) if not args.only or any(word in one.name for word in args.only)]
        for number, case in enumerate(cases[:: args.every]):
            outcome = carry_out(case, base / str(number))
            found[outcome.kind] += 1
            slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.peak)
            line = (
                f"{outcome.kind:8} {outcome.seconds:5.1f} s {outcome.peak // 2**20:5} MiB  {case.name}: {outcome.said}"
            )
            if args.list:
                print(line[:400], flush=True)
            if outcome.kind not in ("words", "fine"):
                bad.append(line)
        print(f"tried {found.total()}: {found['words']} ended in words, {found['fine']} fine")
        print(f"internal errors {found['internal']}, hangs {found['hang']}, over 1 GiB {found['memory']}")
        print(f"slowest {slowest:.1f} s of processor time, largest {largest / 2**20:.0f} MiB")
        for line in bad:
            print(line[:600])
        return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
