"""A penalty on what was said, against the library's own."""

import pytest
import torch
from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor

from unispect.models.decode.repetition import penalised


@pytest.mark.parametrize("penalty", [1.05, 2.0])
def test_the_penalty_is_the_library_s_for_every_sample(penalty: float):
    logits = torch.randn(3, 11, generator=torch.Generator().manual_seed(0))
    said = [torch.tensor([1, 2, 2, 5]), torch.tensor([0]), torch.tensor([10, 9, 8, 7, 6])]
    found = penalised(logits, said, penalty)
    for own, row, tokens in zip(found, logits, said, strict=True):
        theirs = RepetitionPenaltyLogitsProcessor(penalty)(tokens[None], row[None].clone())[0]  # type: ignore[arg-type]
        assert torch.equal(own, theirs)
        assert (own[tokens] < row[tokens]).all()


def test_no_penalty_changes_nothing():
    logits = torch.randn(1, 4)
    assert penalised(logits, [torch.tensor([1])], 1.0) is logits
    assert penalised(logits, [], 2.0) is logits
