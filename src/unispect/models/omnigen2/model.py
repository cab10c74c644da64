"""OmniGen2 behind the seam of `unispect.models.base`.

Two networks. Texts are written by a stock Qwen2.5-VL; pictures are drawn by a transformer of its own, which hears the
final states of the prompt and, of given pictures, latents. No state of the language model belongs to a drawn picture.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLTextModel

from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import UsageError
from unispect.core.prompts import Goal, Prompt, kept_segments
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling
from unispect.models.base import Example
from unispect.models.checks import check_replies, check_seeds, inputs_for, require
from unispect.models.decode import positions as position_ids
from unispect.models.decode import replay
from unispect.models.decode.flow import start_noise
from unispect.models.edits import Asked, Edits, Own, Stack, bare
from unispect.models.embedded import Embedded, embedded_rows
from unispect.models.losses import moments_and_noise
from unispect.models.omnigen2 import decoder_states, pictures
from unispect.models.omnigen2.conditioning import final_states
from unispect.models.omnigen2.config import REFERENCES
from unispect.models.omnigen2.drawing import DrawSettings, Source, paths
from unispect.models.omnigen2.keys import GROUPS
from unispect.models.omnigen2.learning import draw_loss
from unispect.models.omnigen2.network import OmniGen2Network
from unispect.models.omnigen2.processing import Inputs, Processor
from unispect.models.omnigen2.text_settings import TextSettings
from unispect.models.port import Port, Segments, asked
from unispect.models.processing.pictures import posterior_noise
from unispect.models.text_decoder import TextDecoder


class OmniGen2(Port):
    """An OmniGen2 model, published or tiny.

    Pictures have no `states`: what drew them is in `decoder_states`.

    Attributes:
        drawing: how pictures are drawn where the caller does not say otherwise, of other sizes too.
        writing: how texts are written.
    """

    SETTINGS = ("drawing", "writing")
    INPUTS, GROUPS = Inputs, GROUPS
    network: OmniGen2Network
    processor: Processor
    drawing: DrawSettings
    writing: TextSettings

    def __init__(
        self,
        card: ModelCard,
        network: OmniGen2Network,
        processor: Processor,
        drawing: DrawSettings,
        writing: TextSettings | None = None,
    ) -> None:
        super().__init__(card, network, processor, drawing, writing or TextSettings(processor.system))

    def language(self) -> tuple[Qwen2_5_VLTextModel, Callable[[Tensor], Tensor]]:
        """See `Port`."""
        return self.network.backbone, self.network.text_logits

    def speaking(self) -> TextDecoder:
        """See `Port`. The token with which it would begin to draw ends what it writes, where `writing` says so."""
        special = self.processor.special
        stops = (special.stop, special.draw) if self.writing.stop_to_draw else (special.stop,)
        return replace(super().speaking(), stops=stops, penalty=self.writing.penalty)

    def check_redrawing(self, prompts: Sequence[Prompt]) -> None:
        """See `Port`. A prompt for a picture may hold up to five pictures to draw from."""
        if max((len(prompt.images) for prompt in prompts), default=0) > REFERENCES:
            raise UsageError(f"{self.card.id} draws from {REFERENCES} pictures at most; leave some out")

    def tokenised(self, prompts: Sequence[Prompt], goal: Goal) -> tuple[Inputs, tuple[Segments, ...]]:
        """See `Port`.

        The language model sees pictures to draw from only in the form of the authors' chat (`drawing.chat`), which all
        prompts for a text have.
        """
        inputs, segments = self.processor.encode(
            prompts,
            goal,
            system=self.writing.system if goal is Goal.TEXT else self.processor.system,
            chat=self.drawing.chat,
            given=self.drawing.given(self.network.config.cell),
        )
        return replace(inputs, positions=self._positions(inputs)), segments

    def prompt_rows(self, inputs: Inputs, *, together: bool = False) -> list[Tensor]:
        """See `Port`."""
        seen = None
        if inputs.grids is not None:
            grids = inputs.grids.to(self.device)
            pairs = zip(inputs.patches, grids.split(1), strict=True)
            if together:
                pairs = [(torch.cat(inputs.patches), grids)]
            seen = torch.cat([self.network.features(own.to(self.device, self.dtype), grid) for own, grid in pairs])
        pictures = torch.cat(inputs.ids).to(self.device) == self.processor.special.image_pad
        return embedded_rows(self.backbone.embed_tokens, inputs.ids, pictures, seen)

    def prompts(self, inputs: Inputs, *, together: bool = False) -> list[Embedded]:
        """See `Port`."""
        rows = self.prompt_rows(inputs, together=together)
        return [Embedded(own, positions=where) for own, where in zip(rows, inputs.positions, strict=True)]

    def asks_to_draw(self, reply: TextReply) -> bool:
        """The text begins with the token by which the model asks for a picture instead of going on."""
        return reply.tokens[:1] == (self.processor.special.draw,)

    def answer(self, prompts: Sequence[Prompt], text: TextSampling, picture: ImageSampling) -> list[Reply]:
        """Replies of the authors' chat: a text, or a picture of the same prompt where the text asks for one.

        Seeds are given for every prompt, in both settings.
        """
        check_seeds(picture.seeds, len(prompts))
        replies: list[Reply] = list(self.write(self.encode(prompts, Goal.TEXT), text))
        asked_for = [i for i, reply in enumerate(replies) if isinstance(reply, TextReply) and self.asks_to_draw(reply)]
        if asked_for:
            chat = self.with_settings(drawing=replace(self.drawing, chat=True))
            how = replace(picture, seeds=tuple(picture.seeds[i] for i in asked_for))
            drawn = chat.draw(chat.encode([prompts[i] for i in asked_for], Goal.IMAGE), how)
            for i, reply in zip(asked_for, drawn, strict=True):
                replies[i] = reply
        return replies

    @property
    def stacks(self) -> Mapping[Stack, tuple[int, int]]:
        """See `Intervenes.stacks`; the layers of the decoder are those of `decoder_states`."""
        transformer = self.network.transformer
        return {**super().stacks, "decoder": (len(transformer.layers), transformer.config.width)}

    def inside(self, encoded: Encoded) -> Mapping[Stack, Sequence[Segments]]:
        """See `Port`: the decoder's rows are those of the prompt without the pictures in it, then given pictures."""
        inputs, patch = inputs_for(encoded, Goal.IMAGE, Inputs), self.network.config.transformer.patch
        found = []
        for segments, heard, given in zip(encoded.segments, self._heard(inputs), inputs.given, strict=True):
            own = kept_segments(segments, heard.tolist())
            for pixels in given:
                own = decoder_states.with_picture(own, self.latent_shape(pixels.shape[1:]), patch, "prompt")
            found.append(own)
        return {"decoder": found}

    def drawn(self, inputs: Inputs, how: ImageSampling, edits: Asked | None = None) -> list[ImageReply]:
        """See `Port`.

        The flow draws noise at its start alone, so `temperature` changes nothing. A reply holds the finished latents;
        its seed and settings repeat every step, and the latents that the last step looked at are kept.

        Edits of the backbone change what the transformer hears of a prompt; those of the decoder are made in every
        step. Both branches of guidance that hear no prompt are unconditional: what they hear in its place is template,
        and in the decoder one of them has given pictures behind it.
        """
        if edits is not None:
            edits.no_response("its language model only reads; pictures are drawn by its other stack, 'decoder'")
        drawing = asked(self.drawing, guidance=how.guidance, steps=how.steps)
        noise = [start_noise([seed], shape)[0] for seed, shape in zip(how.seeds, self.shapes(inputs), strict=True)]
        sources = self.sources(inputs, seeds=how.seeds, edits=edits, drawing=drawing)
        last, finished = self.draw_latents(sources, noise, drawing)
        sizes = [None if drawing.align and len(own) == 1 else (drawing.height, drawing.width) for own in inputs.given]
        more = {"image_guidance": drawing.image_guidance, "between": list(drawing.between)}
        return [
            ImageReply(
                pictures.picture(self.decoded(latents), size),
                seed,
                latents=latents.cpu().numpy(),
                replay={**replay.settings(drawing.guidance, drawing.steps, before), **more},
            )
            for latents, seed, size, before in zip(finished, how.seeds, sizes, last, strict=True)
        ]

    @torch.no_grad()
    def decoder_states(
        self, encoded: Encoded, replies: Sequence[Reply], *, at: int = LAST, edits: Edits | None = None
    ) -> Iterator[LayerState]:
        """See `DrawsApart`. Rows are those of the prompt, of given pictures ("prompt") and of the drawn one.

        They are those of the branch of guidance that has the prompt, with which step `at` computed its velocity; `LAST`
        is the last step. Other steps than the first and the last are drawn again from the seed.
        """
        require(self.card, "probe_decoder")
        inputs = inputs_for(encoded, Goal.IMAGE, Inputs)
        check_replies(encoded, replies)
        drawn = [reply for reply in replies if isinstance(reply, ImageReply)]
        seeds, asked_for = [reply.seed for reply in drawn], self.checked(encoded, edits, apart=True)
        edited = None
        if asked_for is not None:
            unguided = replace(self.drawing, guidance=1.0)
            edited = self.sources(inputs, seeds=seeds, edits=asked_for, drawing=unguided)
        return decoder_states.decoder_states(
            self.network.transformer,
            self.drawing,
            self.sources(inputs, seeds=seeds),
            self.inside(encoded)["decoder"],
            list(zip(drawn, self.shapes(inputs), strict=True)),
            at,
            edited,
        )

    def draw_loss(self, examples: Sequence[Example], inputs: Inputs, finished: Tensor) -> Tensor:
        """See `learning.draw_loss`."""
        finished = finished.float()
        moments, noise = moments_and_noise([example.seed for example in examples], finished.shape[1:], even=True)
        sources = [
            Source(source.empty, source.empty) if example.unconditional else source
            for example, source in zip(examples, self.sources(inputs, together=True), strict=True)
        ]
        return draw_loss(self.network.transformer, sources, finished, moments.to(self.device), noise.to(self.device))

    def picture_targets(self, pixels: Tensor) -> Tensor:
        """Latents [pictures, channels, side, side], float32."""
        return self.network.encoded(pixels.to(self.dtype)).float()

    def sources(
        self,
        inputs: Inputs,
        *,
        seeds: Sequence[int] = (),
        together: bool = False,
        edits: Asked | None = None,
        drawing: DrawSettings | None = None,
    ) -> list[Source]:
        """What every picture of a batch is drawn from.

        Args:
            inputs: from `encode`.
            seeds: of the samples, for `drawing.sampled`.
            together: run all prompts at once; see `prompt_rows`.
            edits: of the batch.
            drawing: with edits, how pictures are drawn, which says what branches of guidance there are.
        """
        rows = self.prompt_rows(inputs, together=together)
        changes = edits and edits.of()
        prompts = final_states(self.backbone, rows, inputs.positions, together=together, edits=changes)
        drawing = drawing or self.drawing
        instead = self.processor.bare_ids(self.drawing.negative, chat=inputs.chat).to(self.device)
        (empty,) = final_states(self.backbone, [self.backbone.embed_tokens(instead)])
        empties = [empty] * len(rows)
        if edits is not None and drawing.guidance > 1:
            changes = edits.of("unconditional", segments=[bare(len(empty))] * len(rows))
            empties = final_states(self.backbone, [self.backbone.embed_tokens(instead)] * len(rows), edits=changes)
        seeds = seeds or (0,) * len(rows)
        parts = zip(prompts, self._heard(inputs), empties, inputs.given, seeds, strict=True)
        found = [
            Source(states[mask.to(self.device)], own, self.reference_latents(given, seed))
            for states, mask, own, given, seed in parts
        ]
        if edits is None:
            return found
        return [replace(own, edits=self._inside(own, edits, i, drawing)) for i, own in enumerate(found)]

    @torch.no_grad()  # the pixel autoencoder never learns here
    def reference_latents(self, given: Sequence[Tensor], seed: int = 0) -> tuple[Tensor, ...]:
        """Latents [channels, height, width], float32, of pictures to draw from [3, height, width]."""
        found = []
        for pixels in given:
            shape = self.latent_shape(pixels.shape[1:])
            noise = posterior_noise(pixels, shape, seed)[None] if self.drawing.sampled else None
            found.append(self.network.encoded(pixels[None].to(self.device, self.dtype), noise)[0].float())
        return tuple(found)

    @torch.inference_mode()
    def draw_latents(
        self, sources: Sequence[Source], noise: Sequence[Tensor], drawing: DrawSettings
    ) -> tuple[list[Tensor], list[Tensor]]:
        """What the last step looked at, and the finished latents, each [channels, height, width] in float32."""
        last, finished = list(noise), list(noise)
        for members, path in paths(self.network.transformer, sources, noise, drawing):
            before, after = deque(path, maxlen=2)
            for index, sample in enumerate(members):
                last[sample], finished[sample] = before[index], after[index]
        return last, finished

    @torch.inference_mode()
    def decoded(self, latents: Tensor) -> Tensor:
        """Pixels [3, height, width], nominally in -1..1, of the finished latents of one picture."""
        return self.network.decoded(latents[None].to(self.device))[0]

    def latent_shape(self, pixels: Sequence[int]) -> tuple[int, int, int]:
        """Channels, rows and columns of the latents of a picture of this height and width."""
        config = self.network.config
        return config.transformer.channels, pixels[0] // config.stride, pixels[1] // config.stride

    def shapes(self, inputs: Inputs) -> list[tuple[int, int, int]]:
        """Shapes of the latents that are drawn for every prompt."""
        cell = self.network.config.cell
        return [self.latent_shape(self.drawing.pixels(given, cell)) for given in inputs.given]

    def _inside(self, source: Source, edits: Asked, sample: int, drawing: DrawSettings) -> tuple[Own, Own, Own]:
        """Edits of the decoder's rows in each branch, those that are not run left out."""
        pictured: Own = ()
        plain: Own = ()
        if drawing.guidance > 1:
            heard = bare(len(source.empty))
            plain = edits.own(sample, "unconditional", "decoder", heard)
            if source.references and drawing.image_guidance > 1:
                for own in source.references:
                    heard = decoder_states.with_picture(
                        heard, own.shape, self.network.config.transformer.patch, "prompt"
                    )
                pictured = edits.own(sample, "unconditional", "decoder", heard)
        return edits.own(sample, "conditional", "decoder"), pictured, plain

    def _heard(self, inputs: Inputs) -> list[Tensor]:
        """Which tokens [length_i] of every prompt the transformer hears of: all but those of pictures."""
        return [ids != self.processor.special.image_pad for ids in inputs.ids]

    def _positions(self, inputs: Inputs) -> tuple[position_ids.Positions, ...]:
        """Where tokens stand; prompts without pictures count up."""
        if inputs.grids is None:
            return (None,) * len(inputs.ids)
        grids = iter(inputs.grids.split(list(inputs.seen)))
        return tuple(
            None if not count else self.network.positions(ids, ids == self.processor.special.image_pad, own)
            for ids, count, own in zip(inputs.ids, inputs.seen, grids, strict=True)
        )
