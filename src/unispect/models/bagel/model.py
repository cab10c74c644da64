"""BAGEL behind the seam of `unispect.models.base`; BAGEL-RecA is the same with other weights.

One trunk with two sets of weights: text and pictures that are seen pass through one, latents through the other. Vision
blocks, pixel autoencoder and the parts of the trunk's layers are stock classes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import DataError, UsageError
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling
from unispect.core.seeds import seed_for
from unispect.models.bagel import learning
from unispect.models.bagel.context import Context, Contexts, contexts_of, drawn_of, prompts_of, states_of
from unispect.models.bagel.drawing import Drawing, paths, token_noise
from unispect.models.bagel.keys import GROUPS
from unispect.models.bagel.layout import Block, Kind, lay_out
from unispect.models.bagel.network import BagelNetwork
from unispect.models.bagel.probing import THOUGHT, followed, reply_segments
from unispect.models.bagel.processing import Inputs, Processor, Shown
from unispect.models.bagel.thinking import Thinking
from unispect.models.bagel.trunk import routed
from unispect.models.base import Example, Losses
from unispect.models.checks import check_replies, check_seeds, inputs_for, named, require
from unispect.models.decode import replay
from unispect.models.decode.positions import Positions
from unispect.models.decode.sight import Sight
from unispect.models.parts.flux import latents_of, picture_bytes, pixels_of
from unispect.models.processing.pictures import target_pixels
from unispect.models.settings import Settled
from unispect.models.voice import Voice


class Bagel(Settled):
    """A BAGEL model, published or tiny.

    Args:
        card: what is known about it; its revision should be that of the weights.
        network: the filled network; its dtype and device are the model's.
        processor: tokenizer, markers and picture sizes.
        drawing: how pictures are drawn of text where the caller does not say otherwise.
        redrawing: how they are drawn where the prompt holds a picture.
        shown: how pictures in prompts are shown.
        thinking: prompts are encoded so that the model thinks first; None for not.
    """

    SETTINGS = ("drawing", "redrawing", "shown", "thinking")

    def __init__(
        self,
        card: ModelCard,
        network: BagelNetwork,
        processor: Processor,
        drawing: Drawing,
        redrawing: Drawing,
        shown: Shown | None = None,
        thinking: Thinking | None = None,
    ) -> None:
        self.card = card
        self.network = network
        self.processor = processor
        self.drawing = drawing
        self.redrawing = redrawing
        self.shown = shown or Shown()
        self.thinking = thinking
        self.voice = self._voice(None)
        self._settle()

    @property
    def device(self) -> torch.device:
        return self.network.entry.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.network.entry.weight.dtype

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """See `UnifiedModel.encode`.

        A prompt for a picture may hold pictures, each of which is shown twice: as latents and through the vision tower.
        The picture that is drawn has the last one's size.
        """
        require(self.card, "write" if goal is Goal.TEXT else "draw")
        if any(prompt.images for prompt in prompts):
            require(self.card, "see" if goal is Goal.TEXT else "redraw")
        if self.thinking is not None:
            self.thinking.check()
        inputs, segments = self.processor.encode(prompts, goal, shown=self.shown, thinking=self.thinking)
        for blocks, grid in zip(inputs.blocks, inputs.grids, strict=True):
            self._check_sizes(blocks, (grid or self.drawing.grid) if goal is Goal.IMAGE else None)
        return Encoded(goal, segments, inputs)

    @named
    @torch.inference_mode()
    def write(self, encoded: Encoded, how: TextSampling) -> list[TextReply]:
        """See `UnifiedModel.write`. Thoughts, where the model is told to think, are part of a reply."""
        require(self.card, "write")
        prompts = prompts_of(self.network, inputs_for(encoded, Goal.TEXT, Inputs))
        return self.voice.write([own.rows for own in prompts], how, *self.placed(prompts))

    @named
    @torch.inference_mode()
    def draw(self, encoded: Encoded, how: ImageSampling) -> list[ImageReply]:
        """See `UnifiedModel.draw`.

        The flow draws noise at its start alone, so `temperature` changes nothing. A reply holds the finished latents
        [channels, height, width]; its seed and settings repeat every step, and the latents that the last step looked at
        are kept, and so are thoughts. `guidance` is that by text; pictures guide as `drawing` and `redrawing` say.
        """
        require(self.card, "draw")
        inputs = inputs_for(encoded, Goal.IMAGE, Inputs)
        check_seeds(how.seeds, len(encoded))
        settings = [self._settings(grid, how) for grid in inputs.grids]
        thoughts, contexts = self.contexts(inputs, how.seeds)
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
        return [replies[i] for i in range(len(encoded))]

    @named
    @torch.inference_mode()
    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]]) -> list[Tensor]:
        """See `UnifiedModel.score`."""
        require(self.card, "score")
        prompts = prompts_of(self.network, inputs_for(encoded, Goal.TEXT, Inputs))
        return self.voice.score([own.rows for own in prompts], answers, *self.placed(prompts))

    @torch.no_grad()
    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        """See `UnifiedModel.states`.

        All rows come from one pass over the whole sequence, with the mask and the positions of its blocks; it gives
        the numbers that writing and drawing compute block by block behind kept keys and values. A prompt cannot see its
        reply, so its rows are the same with and without one. At one layer, rows of text and of pictures that are seen
        have passed through one set of weights, latents through the other.

        Behind a prompt for a picture stand thoughts, if there were any, and the picture's block: a marker, its
        positions, a marker. Of the branches of guidance it is the conditional one, the only one that has the whole
        prompt. `at` chooses the step, 0 to steps - 1: the states are those with which that step computed its velocity,
        from latents that were not yet finished, told of their time. `LAST` is the last of them, at the time nearest to
        0 at which the model was asked anything: so every number is one that made the picture. The finished latents the
        model never looks at while it draws, and where it was not trained to redraw, it never saw a picture at time 0;
        they are step `steps`, at time 0, as latents of a prompt's pictures are shown. Steps other than these, the first
        and the last are drawn again from the seed.

        Text is written token by token and has states of the finished reply only.
        """
        require(self.card, "probe")
        inputs = inputs_for(encoded, encoded.goal, Inputs)
        sequences, segments = prompts_of(self.network, inputs), encoded.segments
        if at != LAST and (replies is None or encoded.goal is Goal.TEXT):
            raise UsageError(
                f"{self.card.id} takes steps only while it draws: there is no step {at} here (use at=LAST)"
            )
        if replies is not None:
            check_replies(encoded, replies)
            sequences = followed(self, sequences, replies, at)
            segments = tuple(
                own + reply_segments(self, own[-1].stop, reply, len(whole.rows))
                for own, reply, whole in zip(segments, replies, sequences, strict=True)
            )
        step = 0 if replies is None else at
        for layer, states in enumerate(states_of(self.network, sequences)):
            yield LayerState(layer, states, segments, step)

    @named
    def loss(self, batch: Sequence[Example]) -> Losses:
        """See `Trainable.loss`."""
        require(self.card, "learn")
        return learning.losses(self, batch)

    @torch.no_grad()
    def targets(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Latents [pictures, channels, side, side], float32 on the model's device, of pictures to learn to draw.

        Raises:
            DataError: a picture is not square or cannot be read.
        """
        pixels = target_pixels(pictures, self.card.image_size)
        vae = self.network.vae
        return torch.cat([latents_of(vae, part.to(self.device, vae.dtype)).float() for part in pixels.split(16)])

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """See `Trainable.parameter_groups`. The tables of places are never trained and are in none."""
        names = [name for name, _ in self.network.named_parameters()]
        return {group: [name for name in names if name.startswith(starts)] for group, starts in GROUPS.items()}

    def contexts(self, inputs: Inputs, seeds: Sequence[int]) -> tuple[list[str], list[Contexts]]:
        """What was thought about every prompt, if anything was, and what guides its picture."""
        prompts = prompts_of(self.network, inputs)
        if inputs.thinking is None:
            return [], [contexts_of(own) for own in prompts]
        thoughts = self._thoughts(prompts, inputs.thinking, seeds)
        rows = [self.embedded(self.processor.thought_ids(text)) for text in thoughts]
        return thoughts, [contexts_of(own, thought) for own, thought in zip(prompts, rows, strict=True)]

    def placed(self, prompts: Sequence[Context]) -> tuple[list[Sight], list[Positions]]:
        """What the rows of every prompt see, and where they stand."""
        return [own.layout.sight for own in prompts], [own.layout.positions for own in prompts]

    def embedded(self, ids: Sequence[int]) -> Tensor:
        """Input rows [length, width] of text."""
        return self.network.llm.embed_tokens(torch.tensor(ids, device=self.device))

    def markers(self) -> Tensor:
        """Input rows [2, width] of what stands around a picture."""
        return self.network.llm.embed_tokens(self.processor.marker_ids().to(self.device))

    def picture_blocks(self, latents: Tensor, times: Tensor) -> tuple[Tensor, Kind, tuple[int, int]]:
        """Pictures at any step as blocks.

        Args:
            latents: [pictures, channels, height, width].
            times: of every picture in 0..1, 1 being noise.

        Returns:
            Input rows [pictures, positions + 2, width], markers included; the kind of block; its grid.
        """
        patch = self.network.config.patch
        grid = (latents.shape[2] // patch, latents.shape[3] // patch)
        tokens = self.network.tokens(latents.to(self.device)).to(self.dtype)
        drawn = self.network.drawn_rows(tokens, times.to(self.device), grid)
        start, end = (marker.expand(len(drawn), 1, -1) for marker in self.markers())
        return torch.cat([start, drawn, end], dim=1), "noise", grid

    def latent_shape(self, grid: tuple[int, int]) -> tuple[int, int, int]:
        """Channels, height and width of the latents of a picture of so many rows and columns of positions."""
        config = self.network.config
        return config.autoencoder.channels, grid[0] * config.patch, grid[1] * config.patch

    @torch.inference_mode()
    def draw_latents(self, contexts: Sequence[Contexts], noise: Tensor, drawing: Drawing) -> tuple[Tensor, Tensor]:
        """What the last step looked at, and the finished latents, each [samples, channels, height, width], float32."""
        last, finished = torch.empty_like(noise, device=self.device), torch.empty_like(noise, device=self.device)
        for members, path in paths(self.network, contexts, self.markers(), noise, drawing):
            last[members], finished[members] = deque(path, maxlen=2)
        return last, finished

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [pictures, 3, height, width], nominally in -1..1, of finished latents.

        Picture by picture, so that the company of a picture never changes its last digits.
        """
        vae = self.network.vae
        return torch.cat([pixels_of(vae, own.to(self.device, vae.dtype)) for own in latents.split(1)])

    def pictures(self, latents: Tensor) -> list[Image.Image]:
        """RGB pictures of finished latents."""
        return [Image.fromarray(own) for own in picture_bytes(self.decoded(latents)).cpu().numpy()]

    def _settings(self, grid: tuple[int, int] | None, how: ImageSampling) -> Drawing:
        """How a picture is drawn, of a prompt with pictures (whose last one's size is given) or without."""
        usual = self.drawing if grid is None else replace(self.redrawing, grid=grid)
        guidance = usual.guidance if how.guidance is None else replace(usual.guidance, text=how.guidance)
        made = replace(usual, guidance=guidance, steps=usual.steps if how.steps is None else how.steps)
        made.check()
        return made

    def _thoughts(self, prompts: Sequence[Context], thinking: Thinking, seeds: Sequence[int]) -> list[str]:
        opening = self.embedded([self.processor.special.start])
        opened = [own.followed_by(opening, "text") for own in prompts]
        groups = [[i] for i in range(len(opened))]
        if all(drawn_of([own], len(own.rows)) is None for own in opened):
            groups = [list(range(len(opened)))]
        found: list[str] = []
        for some in groups:
            asked = [opened[i] for i in some]
            own_seeds = tuple(seed_for(THOUGHT, seeds[i]) for i in some)
            how = TextSampling(
                own_seeds, max_new_tokens=thinking.most, temperature=thinking.temperature, log_probabilities=False
            )
            voice = self._voice(drawn_of(asked, max(len(own.rows) for own in asked)))
            written = voice.write([own.rows for own in asked], how, *self.placed(asked))
            found += [self.processor.thought(reply.tokens) for reply in written]
        return found

    def _voice(self, drawn: Tensor | None) -> Voice:
        """What the model writes with behind prompts that hold latents where it is told."""
        processor = self.processor
        trunk = routed(self.network.llm, drawn)
        return Voice(trunk, self.network.lm_head, processor.special.end, processor.decode, processor.answer_ids)

    def _check_sizes(self, blocks: Sequence[Block], drawn: tuple[int, int] | None) -> None:
        """No grid is larger than its table of places, and no sequence longer than the trunk can count."""
        config = self.network.config
        shown = [(block.grid, config.seen_table if block.kind == "seen" else config.drawn_table) for block in blocks]
        for (rows, columns), side in [*shown, *([(drawn, config.drawn_table)] if drawn else [])]:
            if max(rows, columns) > side:
                raise DataError(
                    f"a picture of {rows} x {columns} positions does not fit the {side} x {side} that {self.card.id} "
                    "knows; give it another shape"
                )
        longest, limit = lay_out(blocks).following + 1, int(config.text.max_position_embeddings)
        if longest > limit:
            raise DataError(f"a prompt takes {longest} positions, {self.card.id} has {limit}; shorten it")
