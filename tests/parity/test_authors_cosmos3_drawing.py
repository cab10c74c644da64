"""Cosmos 3 draws what diffusers' pipeline draws, and knows what diffusers' transformer computes in every layer.

The classes of the installed release are run here, on the weights of a tiny model, so no fixture is needed. In double
precision, since small errors of the first steps grow in those that follow.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers import tiny_cosmos3
from tests.helpers.cosmos3_upstream import pipeline_of
from unispect.core.encoded import LAST
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling
from unispect.models.cosmos3.folder import load
from unispect.models.cosmos3.model import Cosmos3
from unispect.models.decode.flow import start_noise

SEED = 5
PROMPTS = ("a red star.", "...", "", "the turquoise circle at the bottom left... and more. ", "plus")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Cosmos3:
    found = load(tiny_cosmos3.TINY, tiny_cosmos3.write_checkpoint(tmp_path_factory.mktemp("tiny")), device="cpu")
    found.network.double()
    return found


@pytest.fixture(scope="module")
def pipeline(model: Cosmos3) -> Any:
    return pipeline_of(model, tiny_cosmos3.files())


def drawing(model: Cosmos3, **how: Any) -> Cosmos3:
    return model.with_settings(drawing=replace(model.drawing, **how))


def drawn(model: Cosmos3, prompt: str) -> ImageReply:
    (reply,) = model.draw(model.encode([Prompt.of(prompt)], Goal.IMAGE), ImageSampling((SEED,)))
    return reply


def upstream(pipeline: Any, model: Cosmos3, prompt: str, kind: str = "latent", **how: Any) -> Any:
    """What the pipeline draws from the seed's noise, under the settings of the model."""
    own = model.drawing
    return pipeline(
        prompt,
        own.negative,
        num_frames=1,
        height=own.height,
        width=own.width,
        num_inference_steps=own.steps,
        guidance_scale=own.guidance,
        latents=start_noise([SEED], model.latent_shape)[:, :, None],
        output_type=kind,
        use_system_prompt=bool(own.system),
        add_resolution_template=own.tell_size,
        **how,
    ).video


def latents(reply: ImageReply) -> Tensor:
    assert reply.latents is not None
    return torch.tensor(np.asarray(reply.latents))


@pytest.mark.parametrize("size", [(32, 32), (12, 40), (720, 1280)])
@pytest.mark.parametrize("words", [{}, {"system": ""}, {"tell_size": False}, {"negative": "blurry. "}])
def test_prompts_become_the_pipeline_s_tokens(
    model: Cosmos3, pipeline: Any, size: tuple[int, int], words: dict[str, Any]
):
    own = drawing(model, height=size[0], width=size[1], **words)
    encoded = own.encode([Prompt.of(prompt) for prompt in PROMPTS], Goal.IMAGE)
    for prompt, ids in zip(PROMPTS, encoded.inputs.ids, strict=True):
        theirs = pipeline.tokenize_prompt(
            prompt,
            own.drawing.negative,
            num_frames=1,
            height=size[0],
            width=size[1],
            use_system_prompt=bool(own.drawing.system),
            add_resolution_template=own.drawing.tell_size,
        )
        bare = own.processor.bare_ids(own.drawing.negative, own.drawing.wording(negated=True))
        assert (ids.tolist(), bare.tolist()) == theirs


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"steps": 1, "guidance": 1.0},
        {"steps": 2, "guidance": 0.0},
        {"steps": 7, "guidance": 6.0},
        pytest.param({"steps": 35, "guidance": 1.5}, marks=pytest.mark.slow),
        {"height": 48, "width": 20},
        {"height": 12, "width": 40, "guidance": 0.5},
        {"negative": "blurry", "system": ""},
        {"tell_size": False},
    ],
    ids=str,
)
def test_pictures_are_the_pipeline_s(model: Cosmos3, pipeline: Any, how: dict[str, Any]):
    own = drawing(model, **how)
    expected = upstream(pipeline, own, PROMPTS[0])[0, :, 0]
    # The solver works in single precision, here and there; in 0.40.0 of diffusers in that of the network.
    torch.testing.assert_close(latents(drawn(own, PROMPTS[0])), expected, atol=2e-5, rtol=2e-5, check_dtype=False)


def test_pixels_are_the_pipeline_s_without_its_rounding(model: Cosmos3, pipeline: Any):
    levels = upstream(pipeline, model, PROMPTS[0], "np")[0] * 255
    picture = np.asarray(drawn(model, PROMPTS[0]).image, np.float64)
    assert np.abs(picture - np.floor(levels + 1e-3)).max() <= 1
    assert (picture == np.floor(levels + 1e-3)).mean() > 0.99


@pytest.mark.parametrize(
    "solver",
    [
        {"use_karras_sigmas": False, "flow_shift": 5.0},
        {"use_karras_sigmas": False, "solver_order": 3},
        {"solver_order": 1, "sigma_max": 80.0, "final_sigmas_type": "sigma_min"},
    ],
    ids=str,
)
@pytest.mark.parametrize("native", [False, True])
def test_other_solvers_are_followed_too(model: Cosmos3, solver: dict[str, Any], native: bool):
    """As other checkpoints of the family, and the authors' own sampler, set them."""
    files = tiny_cosmos3.files()
    files["scheduler/scheduler_config.json"] |= solver
    files["model_index.json"]["use_native_flow_schedule"] = native
    kept = {key: value for key, value in files["scheduler/scheduler_config.json"].items() if key[0] != "_"}
    own = drawing(model, solver=kept, native=native, steps=5)
    expected = upstream(pipeline_of(model, files), own, PROMPTS[0])[0, :, 0]
    torch.testing.assert_close(latents(drawn(own, PROMPTS[0])), expected, atol=2e-5, rtol=2e-5, check_dtype=False)


def test_a_picture_that_is_given_changes_nothing_of_a_single_frame(model: Cosmos3, pipeline: Any):
    """Why a prompt for a picture may hold none."""
    given = np.zeros((32, 32, 3), np.uint8)
    plain = upstream(pipeline, model, PROMPTS[0])
    assert torch.equal(upstream(pipeline, model, PROMPTS[0], image=given), plain)


@pytest.mark.parametrize("corner", [True, False])
@pytest.mark.parametrize("at", [0, 2, LAST])
def test_states_are_those_of_the_pipeline_s_layers(
    model: Cosmos3, monkeypatch: pytest.MonkeyPatch, corner: bool, at: int
):
    """Of prompt and picture along the same layers, at any step, also where places do not begin anew."""
    monkeypatch.setattr(model.network, "config", replace(model.network.config, at_corner=corner))
    files = tiny_cosmos3.files()
    files["transformer/config.json"]["unified_3d_mrope_reset_spatial_ids"] = corner
    pipeline = pipeline_of(model, files)
    for prompt in PROMPTS[:3]:
        encoded = model.encode([Prompt.of(prompt)], Goal.IMAGE)
        replies = model.draw(encoded, ImageSampling((SEED,)))
        ours = [state.rows[0] for state in model.states(encoded, replies, at=at)]
        passes = passes_of(pipeline, model, prompt)
        # With guidance, every step has two.
        theirs = passes[2 * (model.drawing.steps - 1 if at == LAST else at)]
        assert len(ours) == len(theirs) == tiny_cosmos3.files()["transformer/config.json"]["num_hidden_layers"] + 1
        for own, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(own, other, atol=1e-4, rtol=1e-5)


def passes_of(pipeline: Any, model: Cosmos3, prompt: str) -> list[list[Tensor]]:
    """For every pass of the pipeline's own loop the input of the first layer, then the output of each."""
    layers, passes = pipeline.transformer.layers, []

    def note(module: Any, given: tuple[Any, ...], out: tuple[Tensor, Tensor]) -> None:
        if module is layers[0]:
            passes.append([torch.cat(given[:2])])
        passes[-1].append(torch.cat(out))

    handles = [layer.register_forward_hook(note) for layer in layers]
    upstream(pipeline, model, prompt)
    for handle in handles:
        handle.remove()
    return passes


def test_understanding_never_hears_generation(model: Cosmos3, pipeline: Any):
    """In the pipeline's own passes, rows of a prompt are the same at every step, bit by bit; those of a picture not."""
    length = len(model.encode([Prompt.of(PROMPTS[0])], Goal.IMAGE).inputs.ids[0])
    first, *others = passes_of(pipeline, model, PROMPTS[0])[::2]
    for layers in others:
        for one, other in zip(first, layers, strict=True):
            assert torch.equal(one[:length], other[:length])
            assert not torch.equal(one[length:], other[length:])
