"""Writing, scoring and learning text behind a causal backbone: the same in every family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unispect.core.errors import UsageError
from unispect.core.replies import TextReply, TextSampling
from unispect.models.checks import check_text_sampling
from unispect.models.decode.autoregressive import write_tokens
from unispect.models.decode.scoring import score_answers
from unispect.models.embedded import Embedded, columns
from unispect.models.losses import token_loss

if TYPE_CHECKING:
    from unispect.models.capture import Backbone


@dataclass(frozen=True)
class TextDecoder:
    """What a model writes with.

    Attributes:
        backbone: a stock Llama-like backbone.
        head: final states -> text logits.
        end: id of the token that ends an answer.
        decode: token ids -> text.
        answer_ids: text -> token ids of a complete answer, end token included.
        stops: other tokens that end what is written.
        penalty: on repetitions of what was said in a prompt or reply; 1 for none.
    """

    backbone: Backbone
    head: Callable[[Tensor], Tensor]
    end: int
    decode: Callable[[Sequence[int]], str]
    answer_ids: Callable[[str], list[int]]
    stops: tuple[int, ...] = ()
    penalty: float = 1.0

    @property
    def ends(self) -> tuple[int, ...]:
        """All tokens that end a text."""
        return (self.end, *self.stops)

    @torch.inference_mode()
    def write(self, prompts: Sequence[Embedded], how: TextSampling, *, said: Sequence[Tensor] = ()) -> list[TextReply]:
        """A reply to every prompt; `said` are the token ids that a penalty counts of each.

        Raises:
            UsageError: the settings make no sense, or seeds are missing.
        """
        check_text_sampling(how, len(prompts))
        rows, attention_masks, positions, edits = columns(prompts)
        written = write_tokens(
            self.backbone,
            rows,
            embed=self.backbone.embed_tokens,
            head=self.head,
            end=self.end,
            how=how,
            attention_masks=attention_masks,
            positions=positions,
            stops=self.stops,
            penalty=self.penalty,
            said=said if self.penalty != 1 else (),
            edits=edits,
        )
        return [TextReply(self.decode(one.tokens), one.tokens, one.log_probabilities, one.finished) for one in written]

    @torch.inference_mode()
    def score(self, prompts: Sequence[Embedded], answers: Sequence[Sequence[str]]) -> list[Tensor]:
        """For every prompt the natural log-likelihood [answers] of each complete answer.

        Raises:
            UsageError: there are not as many lists of answers as prompts.
        """
        if len(answers) != len(prompts):
            raise UsageError(f"{len(prompts)} prompts but answers for {len(answers)}")
        rows, attention_masks, positions, edits = columns(prompts)
        ids = [[self.answer_ids(answer) for answer in own] for own in answers]
        feed, head = self.backbone.embed_tokens, self.head
        return score_answers(
            self.backbone,
            rows,
            ids,
            embed=feed,
            head=head,
            attention_masks=attention_masks,
            positions=positions,
            edits=edits,
        )

    def loss(self, prompts: Sequence[Embedded], answers: Sequence[str]) -> Tensor:
        """Mean cross entropy per answer token, in nats."""
        device = prompts[0].rows.device
        targets = [torch.tensor(self.answer_ids(answer), device=device) for answer in answers]
        fed = [self.backbone.embed_tokens(own[:-1]) for own in targets]
        return token_loss(self.backbone, prompts, fed, targets, self.head)
