"""The case groups of drawing with OmniGen2, prepared by our parts for the parity tests."""

from dataclasses import dataclass, replace

import torch
from PIL import Image
from torch import Tensor

from tests.helpers.omnigen2_reference import Fixture, inputs_of, spoken
from unispect.core.encoded import Encoded
from unispect.core.prompts import Goal, Prompt
from unispect.models.omnigen2.drawing import DrawSettings, Source, condition_of
from unispect.models.omnigen2.model import OmniGen2
from unispect.models.omnigen2.processing import Inputs
from unispect.models.omnigen2.transformer import Condition

GROUPS = ("t2i", "edit", "edit2", "chat")
BRANCHES = {"cond": "conditional", "ref": "pictured", "uncond": "plain"}


@dataclass(frozen=True)
class Case:
    """A case group of drawing, prepared by our parts; what chance decided upstream comes from the fixture."""

    name: str
    model: OmniGen2
    prompts: list[Prompt]
    encoded: Encoded
    sources: list[Source]

    @property
    def inputs(self) -> Inputs:
        assert isinstance(self.encoded.inputs, Inputs)
        return self.encoded.inputs

    @property
    def drawing(self) -> DrawSettings:
        return self.model.drawing


def pictures_of(fixture: Fixture, name: str, count: int) -> list[list[Image.Image]]:
    told = fixture.cases["calls"][name].get("input_images")
    if isinstance(told, str) and "raw" in told:
        return [[fixture.picture(one.strip()) for one in told.split(",")]]
    return fixture.pictures(name) if isinstance(told, int) else [[] for _ in range(count)]


def make_case(model: OmniGen2, fixture: Fixture, name: str) -> Case:
    fixture.need(name)
    told = fixture.cases["calls"][name]
    sizes = {
        "height": "height",
        "width": "width",
        "max_pixels": "max_pixels",
        "max_input_image_side_length": "max_side",
    }
    size = {ours: told[theirs] for theirs, ours in sizes.items() if theirs in told}
    texts = told["prompt"] if isinstance(told["prompt"], list) else [told["prompt"]]
    system = fixture.prompts("text")[0]
    if name == "chat":
        system, prompts = fixture.prompts("chat")
    else:
        pictures = pictures_of(fixture, name, len(texts))
        prompts = [Prompt((*own, text)) for own, text in zip(pictures, texts, strict=True)]
    own = spoken(
        model,
        system,
        steps=told["num_inference_steps"],
        guidance=told["text_guidance_scale"],
        image_guidance=told.get("image_guidance_scale", 1.0),
        between=tuple(told.get("cfg_range", (0.0, 1.0))),
        negative=told["negative_prompt"],
        align=told.get("align_res", True),
        chat=name == "chat",
        **size,
    )
    encoded = own.encode(prompts, Goal.IMAGE)
    sources = own.sources(inputs_of(own, prompts, Goal.IMAGE))
    return Case(name, own, prompts, encoded, [drawn(fixture, name, source) for source in sources])


def drawn(fixture: Fixture, name: str, source: Source) -> Source:
    """With the latents that the authors drew from the posterior."""
    latents = tuple(fixture(f"{name}.ref{i}.latents") for i in range(len(source.references)))
    return replace(source, references=latents)


def latents_before(fixture: Fixture, name: str, step: int) -> Tensor:
    return fixture(f"{name}.step{step - 1}.latents_next") if step else fixture(f"{name}.noise")


def condition(case: Case, branch: str, shape: torch.Size) -> Condition:
    transformer = case.model.network.transformer
    pictures = [torch.stack(own) for own in zip(*(source.references for source in case.sources), strict=True)]
    states = [source.prompt if branch == "cond" else source.empty for source in case.sources]
    return condition_of(transformer, states, (shape[0], shape[1]), [] if branch == "uncond" else pictures)
