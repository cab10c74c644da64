"""What is kept of a distribution over tokens at a temperature and a nucleus, against the library's and the formula."""

import pytest
import torch
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

from unispect.core.replies import TextSampling
from unispect.models.decode.autoregressive import _text_scores


@pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 2.5])
@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.95, 1.0])
def test_temperature_and_nucleus_are_the_library_s(temperature: float, top_p: float):
    """Divided first, then cut: a token stays while the mass of those before it is below the nucleus."""
    logits = 4 * torch.randn(6, 50, generator=torch.Generator().manual_seed(1))
    how = TextSampling((1,), temperature=temperature, top_p=top_p)
    ours = _text_scores(logits, how, torch.zeros_like(logits)).softmax(-1)
    theirs = TemperatureLogitsWarper(temperature)(None, logits)  # pyright: ignore
    if top_p < 1:
        theirs = TopPLogitsWarper(top_p)(None, theirs)  # pyright: ignore
    torch.testing.assert_close(ours, theirs.softmax(-1))
    for row, kept in zip((logits / temperature).softmax(-1), ours > 0, strict=True):
        ordered = row.sort(descending=True)
        mass, expected = 0.0, set()
        for chance, token in zip(ordered.values.tolist(), ordered.indices.tolist(), strict=True):
            if mass >= top_p and expected:
                break
            expected.add(token)
            mass += chance
        assert top_p == 1 or set(kept.nonzero().flatten().tolist()) == expected
