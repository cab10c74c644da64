"""Template, tokens and segments; the authors' own cases are in tests/parity/test_janus_pro.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.helpers import tiny_janus
from unispect.core.errors import DataError
from unispect.core.prompts import Goal, Prompt, positions
from unispect.models.checkpoint import files_in
from unispect.models.janus_pro.processing import Processor, load_processor
from unispect.models.processing.dialogue import SYSTEM_PROMPT
from unispect.models.processing.pictures import PictureFormat

BLACK = Image.new("RGB", (8, 8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_janus.write_files(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def processor(folder: Path) -> Processor:
    return load_processor(files_in(folder))


def spelt(processor: Processor, ids: list[int]) -> str:
    return processor.tokenizer.decode(ids, skip_special_tokens=False)


def encoded(processor: Processor, prompt: Prompt, goal: Goal = Goal.TEXT) -> tuple[list[int], tuple]:
    inputs, segments = processor.encode([prompt], goal)
    return inputs.ids[0].tolist(), segments[0]


def said(processor: Processor, prompt: Prompt, goal: Goal = Goal.TEXT) -> str:
    text = spelt(processor, encoded(processor, prompt, goal)[0])
    return text.replace("<image_placeholder>" * 16, "[P]")


SYSTEM = f"{tiny_janus.BOS}{SYSTEM_PROMPT}\n\n"
PICTURE = "<begin_of_image>[P]<end_of_image>"


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        (("  What? \n",), ": What?\n\n"),
        ((BLACK, "What?"), f": {PICTURE}\nWhat?\n\n"),
        ((BLACK, " is one."), f": {PICTURE} is one.\n\n"),
        ((BLACK, "\nWhat?"), f": {PICTURE}\nWhat?\n\n"),
        ((BLACK,), f": {PICTURE}\n\n"),
        ((BLACK, "  "), f": {PICTURE}\n\n"),
        ((BLACK, BLACK, "Which?"), f": {PICTURE}\n{PICTURE}\nWhich?\n\n"),
        (("Look: ", BLACK), f": Look: {PICTURE}\n\n"),
        (("a", "b"), ": ab\n\n"),
        (("",), ":"),
        ((), ":"),
    ],
)
def test_the_template(processor: Processor, parts: tuple, content: str):
    assert said(processor, Prompt(parts)) == f"{SYSTEM}<|User|>{content}<|Assistant|>:"


def test_drawing_has_no_system_prompt_and_ends_on_the_begin_of_image(processor: Processor):
    expected = f"{tiny_janus.BOS}<|User|>: a star\n\n<|Assistant|>:<begin_of_image>"
    assert said(processor, Prompt.of("a star"), Goal.IMAGE) == expected


@pytest.mark.parametrize("system", ["", "  ", "Be brief."])
def test_the_system_prompt_can_be_another(folder: Path, tmp_path: Path, system: str):
    other = tiny_janus.write_files(tmp_path)
    (other / "processor_config.json").write_text(json.dumps({"num_image_tokens": 16, "system_prompt": system}))
    processor = load_processor(files_in(other))
    start = f"{tiny_janus.BOS}{system}\n\n" if system.strip() else tiny_janus.BOS
    assert said(processor, Prompt.of("a")) == f"{start}<|User|>: a\n\n<|Assistant|>:"


def test_segments_say_what_is_content(processor: Processor):
    ids, segments = encoded(processor, Prompt.of(BLACK, "Is it red?", BLACK, "Or the other?"))
    prompt = [ids[i] for i in positions(segments, modality="text", roles=("prompt",))]
    assert spelt(processor, prompt) == "Is it red?Or the other?"
    image = [ids[i] for i in positions(segments, modality="image", roles=("prompt",))]
    assert image == [processor.special.image] * 32
    template = [ids[i] for i in positions(segments, roles=("template",))]
    assert spelt(processor, template) == (
        f"{SYSTEM}<|User|>: <begin_of_image><end_of_image>\n<begin_of_image><end_of_image>\n\n\n<|Assistant|>:"
    )


def test_a_token_shared_with_the_template_is_content(processor: Processor):
    """The template's space is part of the first word's token."""
    ids, segments = encoded(processor, Prompt.of("a star"))
    content = [ids[i] for i in positions(segments, roles=("prompt",))]
    assert processor.tokenizer.id_to_token(content[0]) == "Ġa"


CHARACTERS = st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("<|>\n｜ é漢😀"))


@given(st.text(CHARACTERS, max_size=40), st.sampled_from(list(Goal)))
@settings(max_examples=60, deadline=None)
def test_no_text_changes_the_structure(processor: Processor, text: str, goal: Goal):
    check_structure(processor, text, goal)


@pytest.mark.parametrize("text", [f"x {special} y" for special in tiny_janus.SPECIAL])
@pytest.mark.parametrize("goal", list(Goal))
def test_special_tokens_written_by_a_user_are_plain_text(processor: Processor, text: str, goal: Goal):
    check_structure(processor, text, goal)
    assert text in said(processor, Prompt.of(text), goal)


def test_half_a_character_is_refused(processor: Processor):
    with pytest.raises(DataError, match="lone surrogate"):
        encoded(processor, Prompt.of("a \ud800"))
    with pytest.raises(DataError, match="lone surrogate"):
        processor.answer_ids("\udfff")


def check_structure(processor: Processor, text: str, goal: Goal) -> None:
    ids, segments = encoded(processor, Prompt.of(text), goal)
    special = processor.special
    counts = [ids.count(token) for token in (special.bos, special.eos, special.pad, special.image, special.image_end)]
    assert counts == [1, 0, 0, 0, 0]
    assert ids[0] == special.bos
    assert ids.count(special.image_start) == (goal is Goal.IMAGE)
    assert segments[0].start == 0
    assert segments[-1].stop == len(ids)
    content = [ids[i] for i in positions(segments, roles=("prompt",))]
    assert spelt(processor, content).strip() == text.strip()


def test_an_answer_is_its_text_after_a_space_and_the_end(processor: Processor):
    ids = processor.answer_ids(" a red star ")
    assert ids[-1] == processor.special.eos
    assert spelt(processor, ids[:-1]) == " a red star"
    assert processor.answer_ids("") == [processor.special.eos]
    assert processor.decode(ids) == "a red star"


@pytest.mark.parametrize(
    ("size", "inner"),
    [
        ((16, 16), (0, 0, 16, 16)),
        ((50, 37), (0, 2, 16, 13)),  # 37 / 50 * 16 = 11.84 becomes 11
        ((37, 50), (2, 0, 13, 16)),
        ((160, 1), (0, 7, 16, 9)),  # no side below min_size = 2
    ],
)
def test_pictures_are_shrunk_and_padded_grey(size: tuple[int, int], inner: tuple[int, int, int, int]):
    pixels = PictureFormat(size=16, min_size=2).pixels(Image.new("RGB", size, "white")).numpy()
    left, top, right, bottom = inner
    expected = np.full((3, 16, 16), (127 / 255 - 0.5) / 0.5, np.float32)
    expected[:, top:bottom, left:right] = 1
    np.testing.assert_allclose(pixels, expected, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_any_mode_becomes_rgb(mode: str):
    assert PictureFormat(size=16).pixels(Image.new("RGB", (20, 20), "red").convert(mode)).shape == (3, 16, 16)


def test_a_picture_that_ends_early_is_named(tmp_path: Path, processor: Processor):
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"cut\.png"):
        processor.encode([Prompt.of(Image.open(path), "What?")], Goal.TEXT)
