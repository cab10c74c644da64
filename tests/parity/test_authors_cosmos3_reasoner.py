"""Cosmos 3 reads, writes and knows what transformers' reasoner does, on the weights of one folder.

The class of the installed release is run here, so no fixture is needed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tests.helpers import tiny_cosmos3
from tests.helpers.cosmos3_upstream import reasoner_of, weights_of
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import TextSampling
from unispect.models.cosmos3.folder import load
from unispect.models.cosmos3.model import Cosmos3


def picture(seed: int, width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


PROMPTS = (
    Prompt.of("plus"),
    Prompt.of(picture(0, 21, 17), "what is it?"),
    Prompt.of("one: ", picture(1, 30, 9), picture(2, 16, 16), " and which is brighter?"),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Cosmos3:
    return load(tiny_cosmos3.TINY, tiny_cosmos3.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")


@pytest.fixture(scope="module")
def reasoner(model: Cosmos3, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return reasoner_of(model, tiny_cosmos3.files(), tmp_path_factory.mktemp("reasoner") / "folder")


def given(model: Cosmos3, reasoner: Any, prompt: Prompt) -> dict[str, Any]:
    """What the reasoner is called with."""
    inputs = model.encode([prompt], Goal.TEXT).inputs
    ids = inputs.ids[0][None]
    if inputs.grids is None:
        return {"input_ids": ids}
    shown = (ids == reasoner.config.image_token_id).int()
    pixels = torch.cat(inputs.patches)
    return {"input_ids": ids, "pixel_values": pixels, "image_grid_thw": inputs.grids, "mm_token_type_ids": shown}


@pytest.mark.parametrize("prompt", PROMPTS, ids=["text", "picture", "pictures"])
@torch.no_grad()
def test_states_and_scores_are_the_reasoner_s(model: Cosmos3, reasoner: Any, prompt: Prompt):
    """Raw outputs of its layers: what the vision tower adds behind one is in the next one's input alone."""
    ours = [state.rows[0] for state in model.states(model.encode([prompt], Goal.TEXT))]
    outputs, inputs = [], []
    layers = reasoner.model.language_model.layers
    handles = [layer.register_forward_hook(lambda _, __, out: outputs.append(out[0])) for layer in layers]
    handles += [layer.register_forward_pre_hook(lambda _, rows: inputs.append(rows[0][0])) for layer in layers]
    found = reasoner(**given(model, reasoner, prompt))
    for handle in handles:
        handle.remove()
    assert len(ours) == len(outputs) + 1
    for own, other in zip(ours, [inputs[0], *outputs], strict=True):
        torch.testing.assert_close(own, other, atol=3e-5, rtol=1e-5)
    added = [not torch.equal(before, after) for before, after in zip(outputs, inputs[1:], strict=False)]
    assert added == [bool(prompt.images)] * 2
    (scores,) = model.score(model.encode([prompt], Goal.TEXT), [["a", "z"]])
    first = found.logits[0, -1].log_softmax(-1)
    answers = [model.processor.answer_ids(text) for text in ("a", "z")]
    ended = [reasoner(**behind(given(model, reasoner, prompt), ids[:1])).logits[0, -1] for ids in answers]
    expected = [first[ids[0]] + after.log_softmax(-1)[ids[1]] for ids, after in zip(answers, ended, strict=True)]
    torch.testing.assert_close(scores, torch.stack(expected), atol=1e-4, rtol=1e-5)


def behind(how: dict[str, Any], tokens: list[int]) -> dict[str, Any]:
    """The same with tokens of text behind it."""
    longer = {**how, "input_ids": torch.cat([how["input_ids"], torch.tensor([tokens])], 1)}
    if "mm_token_type_ids" in how:
        more = torch.zeros(1, len(tokens), dtype=torch.int)
        longer["mm_token_type_ids"] = torch.cat([how["mm_token_type_ids"], more], 1)
    return longer


@pytest.mark.parametrize("prompt", PROMPTS, ids=["text", "picture", "pictures"])
def test_texts_are_the_reasoner_s(model: Cosmos3, reasoner: Any, prompt: Prompt):
    (reply,) = model.write(model.encode([prompt], Goal.TEXT), TextSampling(max_new_tokens=12))
    how = given(model, reasoner, prompt)
    ends = [model.processor.special.end, model.processor.special.stop]
    theirs = reasoner.generate(**how, max_new_tokens=12, do_sample=False, eos_token_id=ends, pad_token_id=0)
    assert list(reply.tokens) == theirs[0, how["input_ids"].shape[1] :].tolist()


@pytest.mark.parametrize("prompt", PROMPTS[1:], ids=["picture", "pictures"])
def test_positions_are_the_reasoner_s(model: Cosmos3, reasoner: Any, prompt: Prompt):
    how = given(model, reasoner, prompt)
    shown, grids = how["mm_token_type_ids"], how["image_grid_thw"]
    theirs, _ = reasoner.model.get_rope_index(how["input_ids"], mm_token_type_ids=shown, image_grid_thw=grids)
    assert torch.equal(model.encode([prompt], Goal.TEXT).inputs.positions[0], theirs[:, 0])


def test_what_the_reasoner_saves_are_the_published_names_of_what_understands(
    model: Cosmos3, reasoner: Any, tmp_path: Path
):
    reasoner.save_pretrained(tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    ours = weights_of(model, "transformer") | weights_of(model, "vision_encoder")
    assert saved.keys() < ours.keys()
    assert all(torch.equal(value, ours[key]) for key, value in saved.items())
    left = {key for key in ours.keys() - saved.keys() if not any(part in key for part in ("moe_gen", "add", "proj_"))}
    assert {key.split(".")[0] for key in left} == {"time_embedder"}
