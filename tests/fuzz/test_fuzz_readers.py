"""Every reader of files from outside gives a value or words, whatever the file holds."""

import base64
import contextlib
import io
import json
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save, save_file

from reproductions.posters.gradings import read_grading
from tests.helpers.odd_texts import FUZZ, VALUES, changed, filled
from unispect.chat.budget import load_prices
from unispect.chat.cassette import VERSION, Cassette
from unispect.core.errors import UnispectError
from unispect.core.outside import parse_json, parse_yaml
from unispect.core.units import digest
from unispect.data.captions import load_captions
from unispect.data.dpg_bench import place_of, read_dpg_bench
from unispect.data.faces.photographs import METADATA, load_photographs
from unispect.data.geneval import read_geneval
from unispect.data.images import decoded, stored_picture
from unispect.data.mmbench import TableRow, read_mmbench
from unispect.data.posters.subjects import load_subjects
from unispect.data.prompts import load_prompts
from unispect.data.safety.sources import own_scenario
from unispect.data.t2i_corebench import TYPES, read_t2i_corebench
from unispect.data.wise import files_of, read_wise
from unispect.models.adapter_files import open_adapters
from unispect.models.named_adapters import Adapter
from unispect.models.registry import card_of
from unispect.runs import manifest
from unispect.studies.posters.judging.review import review
from unispect.train.recipe import load_recipe

TENSORS = "adapter_model.safetensors"


def picture(kind: str, **how: Any) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((24, 16)).convert("RGB").save(file, kind, **how)
    return file.getvalue()


def read_or_words(read: Callable[[], object]) -> None:
    """Raises what is neither a value nor words."""
    with contextlib.suppress(UnispectError):
        read()


def corebench(file: Path) -> object:
    for name in chain(*TYPES.values()):
        other = file.with_name(f"{name}{file.suffix}")
        if other != file:
            entry = {"Prompt": "a star"}
            other.write_text(json.dumps(entry if file.suffix == ".jsonl" else {name: entry}))
    return read_t2i_corebench(file.parent)


def table(file: Path) -> object:
    return [row.picture() if isinstance(row, TableRow) else row for row in read_mmbench(file)]


def cassette(file: Path) -> object:
    with Cassette(file, "replay") as tape:
        return len(tape), tape.spent, tape.unfinished


def edits(file: Path) -> object:
    return review((), file.read_text("utf-8", "replace"), by="Ada", when="now", name=str(file))


LORA = {"q.lora_A.weight": torch.ones(2, 3), "q.lora_B.weight": torch.ones(4, 2)}


def adapter(file: Path) -> object:
    if file.suffix == ".json":
        save_file({f"base_model.model.{key}": tensor for key, tensor in LORA.items()}, file.parent / TENSORS)
    return open_adapters(card_of("tiny-janus-pro"), [Adapter(str(file.parent))])


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "geneval": ("a.jsonl", lambda file: list(read_geneval(file))),
    "geneval clauses": ("a.jsonl", lambda file: [one.checklist for one in read_geneval(file)]),
    "corebench": ("C-MI.json", corebench),
    "checklists": ("C-MI.json", corebench),
    "dpg-bench": ("a.csv", lambda file: read_dpg_bench(place_of(file))),
    "wise": ("a.json", lambda file: read_wise(files_of(file))),
    "corebench lines": ("C-MI.jsonl", corebench),
    "captions": ("a.jsonl", load_captions),
    "photographs": (METADATA, lambda file: load_photographs(file.parent)),
    "gradings": ("posters-1.json", read_grading),
    "mmbench": ("a.tsv", table),
    "texts": ("a.txt", lambda file: load_prompts(f"text:{file}")),
    "subjects": ("a.yaml", load_subjects),
    "scenario": ("a.yaml", own_scenario),
    "prices": ("a.yaml", load_prices),
    "recipe": ("a.yaml", lambda file: load_recipe(str(file))),
    "cassette": ("a.jsonl", cassette),
    "run.json": (manifest.NAME, lambda file: manifest.read(file.parent)),
    "edits": ("a.csv", edits),
    "adapter": ("adapter_config.json", adapter),
    "adapter's tensors": (TENSORS, adapter),
}

TEMPLATES = {
    "geneval": '{"prompt": @, "tag": @, "include": @, "other": @}',
    "geneval clauses": '{"prompt": "a", "tag": "b", "include": [{"class": @, "count": @}, @], "exclude": @}',
    "corebench": '{"C-MI-001": {"Prompt": @}, "C-MI-002": @}',
    "checklists": '{"C-MI-001": {"Prompt": "a", "Checklist": [{"question": @, "tags": @}, @]}}',
    "wise": '[{"prompt_id": @, "Prompt": @, "Explanation": @, "Category": "time"}, @]',
    "corebench lines": '{"Prompt": @, "id": @}',
    "captions": '{"file_name": @, "text": @, "roi": @}',
    "photographs": '{"generated_faces": [{"image_name": @, "attributes": {"name": @, "gender": @, "hair_color": @}}]}',
    "gradings": '{"metadata": {"model": @, "total_posters": @}, "posters": {"1": {"poster_id": @, "summary": @}}}',
    "subjects": '[{"title": @, "year": @, "image": @, "id": @, "kind": @}]',
    "scenario": '{"forbidden": @, "temperature": @, "cells": [{"name": @, "forbidden": true, "prompts": [@]}]}',
    "prices": '{"a": {"input": @, "output": @, "picture_tokens": @}}',
    "recipe": '{"about": @, "steps": @, "teach": @, "learn": @, "learning_rate": @, "auxiliary": @}',
    "adapter": '{"peft_type": "LORA", "r": @, "lora_alpha": @, "rank_pattern": {"q": @}, "target_modules": @}',
    "run.json": '{"format": @, "created": @, "invocations": [{"command": @, "settings": @}], "cards": @}',
}
"""What a file holds, with places for something odd. JSON is YAML as well."""

LINE = (
    b"index\timage\tl2-category\tsplit\tquestion\n1\t"
    + base64.b64encode(picture("PNG"))
    + b"\tlogic_reasoning\tdev\tq\n"
)
FILES = {
    "mmbench": LINE,
    "texts": b"a red star\tshapes\na blue moon\n",
    "subjects": b"- {title: A, year: 1987, image: a.png}\n- &x {title: B, year: 1988, image: b.png}\n",
    "scenario": b"forbidden: feet\ncells:\n- {name: a, forbidden: true, prompts: [one, two]}\n",
    "prices": b"a: {input: 2.5, output: 10.0}\n",
    "recipe": b"about: x\nteach: {both: both}\nlearn: [backbone]\nsteps: 10\n",
    "adapter's tensors": save(LORA, {"lora_adapter_metadata": '{"q.r": 2, "q.lora_alpha": 3}'}),
    "edits": b"row,statement,wanted,judged,status,reason\n1,a,yes,SHOWN,,\n",
}


@pytest.mark.parametrize("reader", TEMPLATES)
@FUZZ
@given(data=st.data())
def test_odd_values_are_read_or_named(reader: str, data: st.DataObject, tmp_path: Path):
    name, read = READERS[reader]
    file = tmp_path / name
    file.write_bytes(data.draw(filled(TEMPLATES[reader])))
    read_or_words(lambda: read(file))


@pytest.mark.parametrize("reader", READERS)
@FUZZ
@given(data=st.data())
def test_any_bytes_are_read_or_named(reader: str, data: st.DataObject, tmp_path: Path):
    name, read = READERS[reader]
    file = tmp_path / name
    usual = FILES.get(reader, TEMPLATES.get(reader, "").replace("@", '"a"').encode())
    file.write_bytes(data.draw(st.binary(max_size=200) | changed(usual)))
    read_or_words(lambda: read(file))


REPLY = '{"kind": "reply", "number": @, "key": @, "cost": @, "reply": {"text": @, "usage": @, "picture": @, "raw": @}}'
SENT = '{"kind": "sent", "number": @, "key": @, "at_most": @}'


@FUZZ
@given(text=filled(REPLY) | filled(SENT) | VALUES.map(lambda one: one.encode("utf-8", "surrogatepass")))
def test_lines_of_cassettes_with_fitting_sums_are_read_or_named(text: bytes, tmp_path: Path):
    try:
        entry = parse_json(text, "it", surrogates=True)
    except UnispectError:
        return
    file = tmp_path / "a.jsonl"
    lines = [{"entry": one, "sum": digest(one)} for one in ({"kind": "cassette", "version": VERSION}, entry)]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    read_or_words(lambda: cassette(file))


@FUZZ
@given(text=VALUES)
def test_json_comes_back_as_any_reader_has_it_or_is_named(text: str):
    with contextlib.suppress(UnispectError):
        found = parse_json(text, "here")
        assert found == json.loads(text)
        json.dumps(found, allow_nan=False).encode("utf-8")


@pytest.mark.slow
@FUZZ
@given(data=st.binary(max_size=300) | VALUES.map(lambda one: one.encode("utf-8", "surrogatepass")))
def test_yaml_is_read_or_named(data: bytes):
    read_or_words(lambda: parse_yaml(data, "here"))


PICTURES = {
    "PNG": picture("PNG"),
    "JPEG": picture("JPEG", exif=Image.Exif().tobytes()),
    "WEBP": picture("WEBP", lossless=True),
    "TIFF": picture("TIFF"),
    "GIF": picture("GIF"),
    "BMP": picture("BMP"),
    "PPM": picture("PPM"),
}


@pytest.mark.parametrize("kind", PICTURES)
@FUZZ
@given(data=st.data())
def test_pictures_with_changed_bytes_are_read_or_named(kind: str, data: st.DataObject):
    odd = data.draw(changed(PICTURES[kind]))
    read_or_words(lambda: decoded(odd, "a picture"))
    read_or_words(lambda: stored_picture(odd, "a picture"))
