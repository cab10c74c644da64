"""Template and tokens; the authors' own cases are in tests/parity/test_janus_flow.py."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers import tiny_janus, tiny_janus_flow
from unispect.core.prompts import Goal, Prompt, positions
from unispect.models.checkpoint import files_in
from unispect.models.janus_flow.processing import load_processor
from unispect.models.processing.dialogue import SYSTEM_PROMPT, Dialogue

BLACK = Image.new("RGB", (8, 8))
PICTURE = "<begin_of_image>[P]<end_of_image>"


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory) -> Dialogue:
    folder = tiny_janus_flow.write_files(tmp_path_factory.mktemp("files"))
    return load_processor(files_in(folder))


def said(processor: Dialogue, prompt: Prompt, goal: Goal = Goal.TEXT) -> str:
    inputs, _ = processor.encode([prompt], goal)
    text = processor.tokenizer.decode(inputs.ids[0].tolist(), skip_special_tokens=False)
    return text.replace("<image_placeholder>" * 16, "[P]")


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        (("  What? \n",), "User: What?\n\nAssistant:"),
        ((BLACK, "What?"), f"User: {PICTURE}\nWhat?\n\nAssistant:"),
        ((BLACK, BLACK, " differ."), f"User: {PICTURE}\n{PICTURE} differ.\n\nAssistant:"),
        ((), "User:Assistant:"),
    ],
)
def test_the_template(processor: Dialogue, parts: tuple, content: str):
    assert said(processor, Prompt(parts)) == f"{tiny_janus.BOS}{SYSTEM_PROMPT}\n\n{content}"


def test_a_prompt_for_a_picture_ends_before_the_tag(processor: Dialogue):
    """The time takes the tag's place, so nothing stands for it here."""
    assert said(processor, Prompt.of("a star"), Goal.IMAGE) == f"{tiny_janus.BOS}User: a star\n\nAssistant:"


def test_roles_are_plain_text_even_where_the_tokenizer_has_them_as_tokens(processor: Dialogue):
    """The tiny tokenizer knows Janus-Pro's roles as special tokens; this family does not use them."""
    inputs, segments = processor.encode([Prompt.of("<|User|> says <begin_of_image>")], Goal.IMAGE)
    ids = inputs.ids[0].tolist()
    for text in ("<|User|>", "<|Assistant|>", "<begin_of_image>", "<image_placeholder>"):
        assert processor.tokenizer.token_to_id(text) not in ids
    content = [ids[place] for place in positions(segments[0], roles=("prompt",))]
    assert processor.tokenizer.decode(content).strip() == "<|User|> says <begin_of_image>"


def test_tags_that_a_tokenizer_lacks_are_added_behind_its_own(tmp_path: Path):
    folder = tiny_janus_flow.write_files(tmp_path)
    size = load_processor(files_in(folder)).tokenizer.get_vocab_size()
    settings = {"num_image_tokens": 16, "image_tag": "<other>", "image_end_tag": "<closed>", "image_gen_tag": "<draw>"}
    (folder / "processor_config.json").write_text(json.dumps(settings))
    processor = load_processor(files_in(folder))
    # The generation tag that the first one had added is not needed here.
    added = [processor.tokenizer.token_to_id(tag) for tag in ("<other>", "<draw>", "<closed>")]
    assert added == [size - 1, size, size + 1]
    assert (processor.special.image, processor.special.image_end) == (added[0], added[2])
    assert "<other>" in said(processor, Prompt.of(BLACK, "What?"))
