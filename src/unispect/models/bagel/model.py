"""BAGEL behind the seam of `unispect.models.base`; BAGEL-RecA is the same with other weights.

One backbone with two sets of weights: text and pictures that are seen pass through one, latents through the other.
Vision blocks, pixel autoencoder and the parts of the backbone's layers are stock classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from unispect.core.errors import DataError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling, TextSampling
from unispect.core.seeds import seed_for
from unispect.models.attention import Looks
from unispect.models.bagel.backbone import routed
from unispect.models.bagel.chain_of_thought import ChainOfThought
from unispect.models.bagel.context import (
    Context,
    Contexts,
    contexts_of,
    drawn_of,
    looks_of,
    picture_blocks,
    prompts_of,
    states_behind,
    states_of,
    with_edits,
)
from unispect.models.bagel.drawing import DrawSettings, paths, token_noise
from unispect.models.bagel.keys import GROUPS
from unispect.models.bagel.layout import lay_out
from unispect.models.bagel.network import BagelNetwork
from unispect.models.bagel.probing import THOUGHT, followed
from unispect.models.bagel.processing import Inputs, Processor, Shown
from unispect.models.base import Example
from unispect.models.decode import replay
from unispect.models.decode.flow import last_and_finished, shifted
from unispect.models.edits import Asked
from unispect.models.embedded import edited
from unispect.models.losses import moments_and_noise
from unispect.models.parts.flux import latents_of, pixels_of
from unispect.models.port import Port, Segments
from unispect.models.processing.pictures import pictures_of
from unispect.models.text_decoder import TextDecoder


class Bagel(Port):
    """A BAGEL model, published or tiny.

    Attributes:
        drawing: how pictures are drawn of text where the caller does not say otherwise.
        redrawing: how they are drawn where the prompt holds a picture.
        shown: how pictures in prompts are shown.
        thinking: prompts are encoded so that the model thinks first; None for not.
    """

    SETTINGS = ("drawing", "redrawing", "shown", "thinking")
    INPUTS, GROUPS = Inputs, GROUPS
    network: BagelNetwork
    processor: Processor
    drawing: DrawSettings
    redrawing: DrawSettings
    shown: Shown = Shown()
    thinking: ChainOfThought | None = None

    def speaking(self) -> TextDecoder:
        """See `Port`."""
        return self._speaking(None)

    def tokenised(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[Segments, ...]]:
        """See `Port`.

        A prompt for a picture may hold pictures, each of which is shown twice: as latents and through the vision tower.
        The picture that is drawn has the last one's size. Thoughts, where the model is told to think, are part of what
        it writes.
        """
        if self.thinking is not None:
            self.thinking.check()
        inputs, segments = self.processor.encode(prompts, goal, shown=self.shown, thinking=self.thinking)
        self._check_grids(inputs, goal)
        return inputs, segments

    def longest(self, inputs: Inputs) -> int:
        """See `Port`."""
        return max(lay_out(blocks).following + 1 for blocks in inputs.blocks)

    def prompts(self, inputs: Inputs, *, together: bool = False) -> list[Context]:
        """See `Port`."""
        return prompts_of(self.network, inputs, together=together)

    def text_behind(self, prompt: Context, rows: Tensor) -> Context:
        """See `Port`."""
        return prompt.followed_by(rows, "text")

    def layers(self, sequences: Sequence[Context]) -> Iterator[tuple[Tensor, ...]]:
        """See `Port`.

        It gives the numbers that writing and drawing compute block by block behind kept keys and values. At one layer,
        rows of text and of pictures that are seen have passed through one set of weights, latents through the other.
        """
        return states_of(self.network, sequences)

    def looks(self, sequence: Context) -> Iterator[Looks]:
        """See `Port`; queries and keys of each row are of the weights that it passes through."""
        return looks_of(self.network, sequence)

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`.

        The flow draws noise at its start alone, so `temperature` changes nothing. A reply holds the finished latents
        [channels, height, width]; its seed and settings repeat every step, and the latents that the last step looked at
        are kept, and so are thoughts. `guidance` is that by text; pictures guide as `drawing` and `redrawing` say.

        Edits name positions, so they reach rows of both sets of weights. Behind a prompt stand thoughts, which are
        written with the edits, and the picture's block, in every step. The branches of guidance that lack the text, or
        the pictures, of a prompt are both unconditional: positions are those of what is left to each.
        """
        settings = [self._settings(grid, how) for grid in inputs.grids]
        thoughts, contexts = self.contexts(inputs, how.seeds, edits, [own.guidance.branches for own in settings])
        replies: dict[int, ImageReply] = {}
        for drawing in dict.fromkeys(settings):
            some = [i for i, own in enumerate(settings) if own == drawing]
            noise = token_noise(self.network, [how.seeds[i] for i in some], self.latent_shape(drawing.grid))
            last, finished = self.draw_latents([contexts[i] for i in some], noise, drawing)
            for i, picture, latents, before in zip(some, self.pictures(finished), finished, last, strict=True):
                told = {**replay.settings(drawing.guidance.text, drawing.steps, before), **drawing.told()}
                if thoughts:
                    told[THOUGHT] = thoughts[i]
                replies[i] = ImageReply(picture, how.seeds[i], latents=latents.cpu().numpy(), replay=told)
        return [replies[i] for i in range(len(how.seeds))]

    def followed(
        self, prompts: Sequence[Context], replies: Sequence[ImageReply], at: int
    ) -> list[tuple[Context, Segments]]:
        """See `Port`.

        Behind a prompt stand thoughts, if there were any, and the picture's block: a marker, its positions, a marker.
        `at` chooses the step, 0 to steps - 1: the states are those with which that step computed its velocity, from
        latents that were not yet finished, told of their time. `LAST` is the last of them, at the time nearest to 0 at
        which the model was asked anything: so every number is one that made the picture. The finished latents the model
        never looks at while it draws, and where it was not trained to redraw, it never saw a picture at time 0; they
        are step `steps`, at time 0, as latents of a prompt's pictures are shown. Steps other than these, the first and
        the last are drawn again from the seed.
        """
        return [
            followed(self.network, self.processor, self.drawing, prompt, reply, at)
            for prompt, reply in zip(prompts, replies, strict=True)
        ]

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """Mean squared error of the velocity per latent number.

        Rectified flow (arXiv 2209.03003): x_t = (1 - t) x_0 + t noise, whose velocity is noise - x_0. Without its
        prompt, a picture stands behind what guidance leaves of one when it takes the text away.
        """
        network, config, finished = self.network, self.network.config, finished.float()
        seeds = [example.seed for example in examples]
        moments, noise = moments_and_noise(seeds, finished.shape[1:], even=config.even_times)
        moments, noise = shifted(moments, config.shift).to(self.device), noise.to(self.device)
        share = moments[:, None, None, None]
        between = (1 - share) * finished + share * noise
        blocks, kind, grid = picture_blocks(network, self.markers(), between, moments)
        prompts = [
            contexts_of(own).textless if example.unconditional else own
            for example, own in zip(examples, self.prompts(inputs, together=True), strict=True)
        ]
        sequences = [own.followed_by(block, kind, grid) for own, block in zip(prompts, blocks, strict=True)]
        states, places = states_behind(network, sequences), grid[0] * grid[1]
        ends = [len(own) - 1 for own in sequences]
        latents = torch.stack([own[end - places : end] for own, end in zip(states, ends, strict=True)])
        return F.mse_loss(network.exit(latents).float(), network.tokens(noise - finished))

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Latents [pictures, channels, side, side], float32."""
        return latents_of(self.network.vae, pixels.to(self.network.vae.dtype)).float()

    def contexts(
        self, inputs: Inputs, seeds: Sequence[int], edits: Asked | None = None, kinds: Sequence[int] = ()
    ) -> tuple[list[str], list[Contexts]]:
        """What was thought about every prompt, if anything was, and what guides its picture.

        Args:
            inputs: from `encode`.
            seeds: of the samples, for thoughts.
            edits: of the batch.
            kinds: with edits, how many contexts are run of every sample.
        """
        prompts = cast("Sequence[Context]", edited(self.prompts(inputs), edits and edits.of()))
        thoughts: list[str] = []
        rows: Sequence[Tensor | None] = [None] * len(prompts)
        if inputs.thinking is not None:
            thoughts = self._thoughts(prompts, inputs.thinking, seeds)
            rows = [self.token_rows(self.processor.thought_ids(text)) for text in thoughts]
        found = [contexts_of(own, thought) for own, thought in zip(prompts, rows, strict=True)]
        if edits is not None:
            found = [with_edits(*own, edits, i, kinds[i]) for i, own in enumerate(zip(found, prompts, strict=True))]
        return thoughts, found

    def markers(self) -> Tensor:
        """Input rows [2, width] of what stands around a picture."""
        return self.token_rows(self.processor.marker_ids())

    def latent_shape(self, grid: tuple[int, int]) -> tuple[int, int, int]:
        """Channels, height and width of the latents of a picture of so many rows and columns of positions."""
        config = self.network.config
        return config.autoencoder.channels, grid[0] * config.patch, grid[1] * config.patch

    @torch.inference_mode()
    def draw_latents(self, contexts: Sequence[Contexts], noise: Tensor, drawing: DrawSettings) -> tuple[Tensor, Tensor]:
        """What the last step looked at, and the finished latents, each [samples, channels, height, width], float32."""
        found = paths(self.network, contexts, self.markers(), noise, drawing)
        return last_and_finished(found, noise, self.device)

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of finished latents.

        Picture by picture, so that states are batch-invariant.
        """
        vae = self.network.vae
        return torch.cat([pixels_of(vae, own.to(self.device, vae.dtype)) for own in latents.split(1)])

    def pictures(self, latents: Tensor) -> list[Image.Image]:
        """RGB pictures of finished latents."""
        return pictures_of(self.decoded(latents))

    def _speaking(self, drawn: Tensor | None) -> TextDecoder:
        """What the model writes with, behind prompts that hold latents where it is told [prompts, longest]."""
        processor, backbone = self.processor, routed(self.network.llm, drawn)
        return TextDecoder(backbone, self.network.lm_head, processor.closing, processor.decode, processor.answer_ids)

    def _settings(self, grid: tuple[int, int] | None, how: ImageSampling) -> DrawSettings:
        """How a picture is drawn, of a prompt with pictures (whose last one's size is given) or without."""
        usual = self.drawing if grid is None else replace(self.redrawing, grid=grid)
        guidance = usual.guidance if how.guidance is None else replace(usual.guidance, text=how.guidance)
        made = replace(usual, guidance=guidance, steps=usual.steps if how.steps is None else how.steps)
        made.check()
        return made

    def _thoughts(self, prompts: Sequence[Context], thinking: ChainOfThought, seeds: Sequence[int]) -> list[str]:
        opening = self.token_rows([self.processor.special.start])
        opened = [own.followed_by(opening, "text") for own in prompts]
        groups = [[i] for i in range(len(opened))]
        if all(drawn_of([own], len(own)) is None for own in opened):
            groups = [list(range(len(opened)))]
        found: list[str] = []
        for some in groups:
            asked = [opened[i] for i in some]
            own_seeds = tuple(seed_for(THOUGHT, seeds[i]) for i in some)
            how = TextSampling(
                own_seeds, max_new_tokens=thinking.most, temperature=thinking.temperature, log_probabilities=False
            )
            written = self._speaking(drawn_of(asked, max(map(len, asked)))).write(asked, how)
            found += [self.processor.thought(reply.tokens) for reply in written]
        return found

    def _check_grids(self, inputs: Inputs, goal: Goal) -> None:
        """No grid is larger than its table of places."""
        config = self.network.config
        shown = [block for blocks in inputs.blocks for block in blocks]
        sizes = [(block.grid, config.seen_table if block.kind == "seen" else config.drawn_table) for block in shown]
        if goal is Goal.IMAGE:
            sizes += [(grid or self.drawing.grid, config.drawn_table) for grid in inputs.grids]
        for (height, width), side in sizes:
            if max(height, width) > side:
                raise DataError(
                    f"a picture of {height} x {width} positions does not fit the {side} x {side} that {self.card.id} "
                    "knows; give it another shape"
                )
