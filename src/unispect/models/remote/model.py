"""A model that is asked over the network, behind the same seam as any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from unispect.chat.chat import Chat, Tally
from unispect.chat.pictures import PictureRequest
from unispect.chat.reading import is_cut
from unispect.chat.values import Answer, Request
from unispect.core.cards import ModelCard
from unispect.core.encoded import LAST, Encoded, LayerState
from unispect.core.errors import Halted, NoReply, Refused, UnispectError, Unread, Unsupported, UsageError
from unispect.core.prompts import Goal, Prompt, Segment
from unispect.core.replies import ImageReply, ImageSampling, Reply, TextReply, TextSampling
from unispect.models.checks import check_seeds, check_text_sampling, inputs_for, require
from unispect.models.remote.names import Asking

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

SEEDS = 2**31
"""Providers take seeds of 31 bits."""


@dataclass
class RemoteModel:
    """A chat model, a model that draws, or both, at one provider.

    A prompt goes out as it is. What the provider makes of it is not known, so its positions are counted by its parts:
    one each. Replies come without tokens, and with likelihoods only where these are asked for and sent.

    Attributes:
        card: what is known about it.
        asking: how it is asked.
        writer: writes; None if nothing does.
        drawer: draws; None if nothing does.
        priced: costs are known.
        diffuses: guidance, steps and a negative prompt have a place in what it is asked.
    """

    card: ModelCard
    asking: Asking
    writer: Chat | None
    drawer: Chat | None
    priced: bool = False
    diffuses: bool = False

    def encode(self, prompts: Sequence[Prompt], goal: Goal) -> Encoded:
        """The prompts as they are.

        Raises:
            Unsupported: nothing draws, nothing writes, or a picture is in a prompt to be drawn.
            UsageError: there is no prompt, or one is empty.
        """
        require(self.card, "write" if goal is Goal.TEXT else "draw")
        if not prompts:
            raise UsageError("there are no prompts")
        if not all(prompt.text.strip() or prompt.images for prompt in prompts):
            raise UsageError("a prompt is empty")
        if any(prompt.images for prompt in prompts):
            if goal is Goal.IMAGE:
                raise Unsupported(self.card.id, "redraw", "a model behind an API is asked to draw by words only")
            require(self.card, "see")
        segments = tuple(
            tuple(
                Segment(index, index + 1, "text" if isinstance(part, str) else "image", "prompt")
                for index, part in enumerate(prompt.parts)
            )
            for prompt in prompts
        )
        return Encoded(goal, segments, tuple(prompts))

    def write(self, encoded: Encoded, how: TextSampling) -> list[TextReply]:
        """One text reply per prompt; a refusal is a reply, an empty one too.

        Raises:
            Halted: asking further makes no sense (the limit on the cost, the key).
            AskError: a prompt was not answered.
            Unsupported: sampling by nucleus.
        """
        require(self.card, "write")
        prompts: tuple[Prompt, ...] = inputs_for(encoded, Goal.TEXT, tuple)
        check_text_sampling(how, len(encoded))
        if how.top_p != 1.0:
            raise Unsupported(self.card.id, "write", "models behind an API are not asked for a nucleus (top_p)")
        seeds = how.seeds or (0,) * len(prompts)
        check_seeds(seeds, len(prompts))
        limit = how.max_new_tokens + self.asking.thinking_tokens
        temperature = how.temperature if self.asking.temperature else None
        requests: list[Request[Any]] = [
            Request(
                prompt,
                max_tokens=limit,
                temperature=temperature,
                seed=seed % SEEDS,
                log_probabilities=self.asking.log_probabilities,
            )
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        assert self.writer is not None
        return [_written(answer) for answer in _answered(self.writer.ask_all(requests))]

    def draw(self, encoded: Encoded, how: ImageSampling) -> list[ImageReply]:
        """One picture per prompt.

        Raises:
            Refused: the model or its provider would not draw one of them.
            NoReply: an answer to one of them holds no picture.
            Unread: what came for one of them cannot be read as a picture; it is on the cassette.
            Halted: asking further makes no sense (the limit on the cost, the key).
            AskError: a prompt was not answered.
            Unsupported: a temperature other than 1, or guidance or steps where the server has no place for them.
        """
        requests = self.picture_requests(encoded, how)
        assert self.drawer is not None
        answers = _answered(self.drawer.ask_all(requests))
        return [self._drawn(*all_of) for all_of in zip(answers, requests, how.seeds, strict=True)]

    def picture_requests(self, encoded: Encoded, how: ImageSampling) -> list[PictureRequest]:
        """What is asked for by `draw`, which see for what is raised here."""
        require(self.card, "draw")
        prompts: tuple[Prompt, ...] = inputs_for(encoded, Goal.IMAGE, tuple)
        check_seeds(how.seeds, len(prompts))
        asking = self.asking
        guidance = asking.guidance if how.guidance is None else how.guidance
        steps = asking.steps if how.steps is None else how.steps
        if how.temperature not in (None, 1.0) or ((guidance, steps) != (None, None) and not self.diffuses):
            reason = "models behind an API have no place for temperatures of pictures" + (
                "" if self.diffuses else ", and this one none for guidance and steps"
            )
            raise Unsupported(self.card.id, "draw", reason)
        return [
            PictureRequest(
                prompt,
                asking.size,
                asking.quality,
                seed=seed % SEEDS,
                guidance=guidance,
                steps=steps,
                negative=asking.negative,
            )
            for prompt, seed in zip(prompts, how.seeds, strict=True)
        ]

    def score(self, encoded: Encoded, answers: Sequence[Sequence[str]]) -> list[Tensor]:
        """Raises `Unsupported`: providers do not show the likelihood of a given answer."""
        raise Unsupported(self.card.id, "score", "providers do not show the likelihood of a given answer")

    def states(
        self, encoded: Encoded, replies: Sequence[Reply] | None = None, *, at: int = LAST
    ) -> Iterator[LayerState]:
        """Raises `Unsupported`: they are out of reach."""
        raise Unsupported(self.card.id, "probe", "the states of a model behind an API are out of reach")

    def bill(self) -> Mapping[str, str]:
        """What asking came to so far, in words."""
        chats = {what: chat for what, chat in (("writing", self.writer), ("drawing", self.drawer)) if chat is not None}
        lines = {what: words for what, chat in chats.items() if (words := _asked(chat.tally()))}
        shared = next(iter(chats.values())).tally()  # the cassette and what was spent on it
        if shared.unfinished:
            lines["without an end"] = f"{shared.unfinished:,} calls, when a command was killed; counted at their most"
        if self.priced:
            lines["cost"] = f"{shared.cost:.4f} over all commands, what may have been charged at its most"
        return lines

    def close(self) -> None:
        """Closes the cassette."""
        for chat in (self.writer, self.drawer):
            if chat is not None:
                chat.close()

    def _drawn(self, answer: Answer[Any], request: PictureRequest, seed: int) -> ImageReply:
        reply = answer.reply
        words = " ".join((reply.text or reply.refusal).split())
        if reply.refusal:
            raise Refused(self.card.id, "draw", words)
        if answer.value is None:
            said = f", but said: {words}" if words else ""
            if reply.picture:
                raise Unread(f"{self.card.id} drew what cannot be read: {answer.reason}{said}{_KEPT}")
            raise NoReply(f"{self.card.id} did not draw: {answer.reason}{said}")
        about = {"request": answer.key, "answered_by": reply.model, "said": reply.text, "seed_sent": answer.seed_sent}
        sent = {
            "seed": request.seed if answer.seed_sent else None,
            "size": request.size or None,
            "quality": request.quality or None,
            "guidance": request.guidance,
            "steps": request.steps,
            "negative_prompt": request.negative or None,
        }
        told = {name: value for name, value in sent.items() if value is not None}
        return ImageReply(answer.value, seed, replay=about, sent=told)


_KEPT = "; a cassette keeps it, so that it can be read again without paying"


def _answered(answers: Sequence[T | UnispectError]) -> list[T]:
    """The answers, if all are there.

    Raises:
        UnispectError: why one is not; what concerns all of them first.
    """
    errors = [answer for answer in answers if isinstance(answer, UnispectError)]
    if errors:
        raise next((error for error in errors if isinstance(error, Halted)), errors[0])
    return [answer for answer in answers if not isinstance(answer, UnispectError)]


def _written(answer: Answer[Any]) -> TextReply:
    reply = answer.reply
    text = (reply.text or reply.refusal).strip()
    return TextReply(text, (), reply.log_probabilities, not is_cut(reply), reply.refusal, reply.thoughts)


def _asked(tally: Tally) -> str:
    answered = tally.parsed + tally.unparsed
    if not (answered or tally.failed or tally.attempts):
        return ""
    words = [f"{answered - tally.replayed:,} new replies in {tally.attempts:,} calls"]
    if tally.replayed:
        words.append(f"{tally.replayed:,} from the cassette")
    if tally.thinking:
        words.append(f"{tally.thinking:,} with thoughts, which are kept beside them and graded by nobody")
    if tally.bare:
        words.append(f"{tally.bare:,} without the log-probabilities that were asked for")
    if tally.unparsed:
        words.append(f"{tally.unparsed:,} refused, empty, cut off or unreadable")
    if tally.failed - tally.unread:
        words.append(f"{tally.failed - tally.unread:,} requests without a reply")
    if tally.unread:
        words.append(f"{tally.unread:,} with one that cannot be read")
    return f"{', '.join(words)}; {tally.input_tokens:,} tokens read, {tally.output_tokens:,} written or drawn"
