"""Writing, scoring and learning text behind a causal trunk: the same in every family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from unispect.core.errors import UsageError
from unispect.core.replies import TextReply, TextSampling
from unispect.models.capture import pad_right, run
from unispect.models.checks import check_text_sampling
from unispect.models.decode import positions as places
from unispect.models.decode.autoregressive import write_tokens
from unispect.models.decode.positions import Positions
from unispect.models.decode.scoring import score_answers
from unispect.models.decode.sight import Sight, batched

if TYPE_CHECKING:
    from unispect.models.capture import Trunk


@dataclass(frozen=True)
class Voice:
    """What a model writes with.

    Attributes:
        trunk: a stock Llama-like trunk.
        head: final states -> text logits.
        end: id of the token that ends an answer.
        decode: token ids -> text.
        answer_ids: text -> token ids of a complete answer, end token included.
        stops: other tokens that end what is written.
    """

    trunk: Trunk
    head: Callable[[Tensor], Tensor]
    end: int
    decode: Callable[[Sequence[int]], str]
    answer_ids: Callable[[str], list[int]]
    stops: tuple[int, ...] = ()

    @torch.inference_mode()
    def write(
        self,
        prompts: Sequence[Tensor],
        how: TextSampling,
        sights: Sequence[Sight] | None = None,
        positions: Sequence[Positions] | None = None,
        *,
        penalty: float = 1.0,
        said: Sequence[Tensor] = (),
    ) -> list[TextReply]:
        """A reply to every prompt, given as input embeddings [length_i, width].

        `sights` say what the positions of every prompt may look at; default, here and below: what stands before them.
        `positions` say where its rows stand; default: 0, 1, 2, ... A `penalty` counts tokens that were `said` in a
        prompt or reply.

        Raises:
            UsageError: the settings make no sense, or seeds are missing.
        """
        check_text_sampling(how, len(prompts))
        written = write_tokens(
            self.trunk,
            prompts,
            embed=self.trunk.embed_tokens,
            head=self.head,
            end=self.end,
            how=how,
            sights=sights,
            positions=positions,
            stops=self.stops,
            penalty=penalty,
            said=said if penalty != 1 else (),
        )
        return [TextReply(self.decode(one.tokens), one.tokens, one.log_probabilities, one.finished) for one in written]

    @torch.inference_mode()
    def score(
        self,
        prompts: Sequence[Tensor],
        answers: Sequence[Sequence[str]],
        sights: Sequence[Sight] | None = None,
        positions: Sequence[Positions] | None = None,
    ) -> list[Tensor]:
        """For every prompt the natural log-likelihood [answers] of each complete answer.

        Raises:
            UsageError: there are not as many lists of answers as prompts.
        """
        if len(answers) != len(prompts):
            raise UsageError(f"{len(prompts)} prompts but answers for {len(answers)}")
        ids = [[self.answer_ids(answer) for answer in own] for own in answers]
        feed, head = self.trunk.embed_tokens, self.head
        return score_answers(self.trunk, prompts, ids, embed=feed, head=head, sights=sights, positions=positions)

    def loss(
        self,
        prompts: Sequence[Tensor],
        answers: Sequence[str],
        sights: Sequence[Sight] | None = None,
        positions: Sequence[Positions] | None = None,
    ) -> Tensor:
        """Mean cross entropy per answer token, in nats."""
        targets = [torch.tensor(self.answer_ids(answer), device=prompts[0].device) for answer in answers]
        rows = [
            torch.cat([prompt, self.trunk.embed_tokens(own[:-1])]) for prompt, own in zip(prompts, targets, strict=True)
        ]
        lengths = [len(row) for row in rows]
        mask = batched(sights, lengths, prompts[0].device)
        where = places.batched(positions, lengths, prompts[0].device)
        states = run(self.trunk, pad_right(rows), positions=where, mask=mask)
        predicting = [own[len(prompt) - 1 : len(row)] for own, prompt, row in zip(states, prompts, rows, strict=True)]
        return F.cross_entropy(self.head(torch.cat(predicting)).float(), torch.cat(targets))


def shared_rows(ids: Sequence[Tensor], rows: Sequence[Tensor]) -> list[Tensor]:
    """The rows of every prompt, where prompts of the same tokens share one tensor, which is run once."""
    distinct: dict[tuple[int, ...], Tensor] = {}
    return [distinct.setdefault(tuple(own.tolist()), row) for own, row in zip(ids, rows, strict=True)]
