"""Emu3 against `Emu3ForConditionalGeneration`, `Emu3Processor` and `generate` of transformers, at a tiny size.

They are installed, so there are no fixtures. Drawn tokens are compared on equal draws: the library's `multinomial` is
made to choose as the port does, from the exponential numbers of the same seeds.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import Emu3ForConditionalGeneration, PreTrainedTokenizerFast
from transformers.models.emu3.image_processing_emu3 import Emu3ImageProcessor
from transformers.models.emu3.processing_emu3 import Emu3Processor

from tests.helpers import tiny_emu3 as tiny
from unispect.core.prompts import Goal, Prompt
from unispect.core.replies import ImageSampling, TextSampling
from unispect.models.decode.chance import exponential_draws
from unispect.models.emu3.card import CARDS, NEGATIVE
from unispect.models.emu3.drawing import DrawSettings, grid_of
from unispect.models.emu3.folder import load
from unispect.models.emu3.model import Emu3
from unispect.models.emu3.processing import SeenFormat

TEXTS = ("a red circle", "the turquoise star at the bottom left", "plus")
SEEDS = (3, 4, 5)
CLOSE: dict[str, Any] = {"rtol": 0, "atol": 2e-5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_checkpoint(tmp_path_factory.mktemp("emu3"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Emu3:
    return load(tiny.TINY, folder, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    return Emu3ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def processor() -> Any:
    named = {name: text for name, text in tiny.NAMED.items() if name not in ("bos_token", "eos_token", "pad_token")}
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=tiny.TOKENIZER,
        bos_token=tiny.BOS,
        eos_token=tiny.EOS,
        pad_token=tiny.PAD,
        padding_side="left",
        extra_special_tokens=named,
    )
    made: Any = Emu3Processor(Emu3ImageProcessor(**tiny.PICTURES), tokenizer)
    made.downsample_ratio = tiny.PICTURES["spatial_factor"]
    return made


def picture(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def in_words(text: str) -> str:
    """A question in the template that the published files hold."""
    return f"You are a helpful assistant. USER: {text} ASSISTANT:"


SIZES = ((16, 16), (21, 17), (9, 30), (64, 7), (5, 5))


# Prompts


@pytest.mark.parametrize("size", SIZES)
def test_questions_about_pictures_become_the_same_tokens_and_pixels(
    model: Emu3, processor: Any, theirs: Any, size: Any
):
    shown = picture(*size)
    inputs = model.encode([Prompt.of(shown, "what is it?")], Goal.TEXT).inputs
    own = processor(images=shown, text=in_words("<image>what is it?"), return_tensors="pt")
    assert torch.equal(inputs.pixels[0], own["pixel_values"][0])
    # Their placeholders stand for row ends, too, which become tokens inside their model.
    ids, place = own["input_ids"][0], model.processor.placeholder
    filled = ids.masked_scatter(
        ids == place, theirs.model.get_image_tokens(own["pixel_values"], own["image_sizes"]).long()
    )
    codes = model.codes(inputs.pixels[0][None]).flatten() + tiny.VOCABULARY["<|visual token 000000|>"]
    assert torch.equal(inputs.ids[0].masked_scatter(inputs.ids[0] == place, codes), filled)


@pytest.mark.parametrize("text", ["what is it?", "", "two  spaces", "\nlines\n"])
def test_questions_become_the_same_tokens(model: Emu3, processor: Any, text: str):
    (ids,) = model.encode([Prompt.of(text)], Goal.TEXT).inputs.ids
    words = in_words(text) if text else in_words("").replace("  ", " ")  # the template puts a space behind each text
    assert ids.tolist() == processor(text=[words])["input_ids"][0]


@pytest.mark.parametrize("ratio", ["1:1", "16:9", "3:4", "1:5"])
@pytest.mark.parametrize("area", [16 * 16, 20 * 20, 512 * 512, 720 * 720])
def test_prompts_for_pictures_become_the_same_tokens(model: Emu3, processor: Any, ratio: str, area: int):
    width, height = map(int, ratio.split(":"))
    grid = grid_of(area, (width, height), 4)
    own = processor(text=list(TEXTS), return_for_image_generation=True, ratio=ratio, image_area=area)
    assert list(map(tuple, own["image_sizes"])) == [grid] * 3
    inputs, _ = model.processor.encode([Prompt.of(text) for text in TEXTS], Goal.IMAGE, grid)
    assert [ids.tolist() for ids in inputs.ids] == own["input_ids"]


@pytest.mark.parametrize("stride", [4, 8])
def test_pictures_have_the_same_sizes(stride: int):
    settings = {"min_pixels": 512 * 512, "max_pixels": 1024 * 1024, "spatial_factor": stride}
    theirs, ours = Emu3ImageProcessor(**settings), SeenFormat(stride, settings["min_pixels"], settings["max_pixels"])
    for width, height in product((3, 37, 300, 511, 512, 1024, 3000), (5, 200, 513, 800, 1025)):
        if max(width, height) <= 200 * min(width, height):
            own: Any = theirs(Image.new("RGB", (width, height)))["image_sizes"][0]
            assert ours.grid(Image.new("RGB", (width, height))) == (own[0] // stride, own[1] // stride)


# Pictures as image tokens and back


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_has_the_same_codes(model: Emu3, theirs: Any, processor: Any, size: tuple[int, int]):
    own = processor.image_processor(picture(*size), return_tensors="pt")
    (codes,) = theirs.model.vqmodel.encode(own["pixel_values"], own["image_sizes"]).image_tokens
    assert torch.equal(model.codes(own["pixel_values"])[0], codes)
    assert len(codes.unique()) > 3


@pytest.mark.parametrize("grid", [(4, 4), (2, 3), (5, 1), (1, 5)])
def test_codes_become_the_same_picture(model: Emu3, theirs: Any, processor: Any, grid: tuple[int, int]):
    rows, columns = grid
    codes = torch.randint(tiny.CODES, (2, rows * columns), generator=torch.Generator().manual_seed(0))
    mapping = theirs.vocabulary_mapping
    tokens = torch.stack([mapping.convert_img2bpe(own.view(grid)).flatten() for own in codes])
    behind = torch.zeros(2, 3, dtype=tokens.dtype)  # ends of frame, picture and text
    pixels = theirs.decode_image_tokens(image_tokens=torch.cat([tokens, behind], 1), height=rows, width=columns)
    sized = model.with_settings(drawing=DrawSettings(grid, 1.0, 1.0))
    torch.testing.assert_close(sized.decoded(codes), pixels, **CLOSE)
    published = processor.postprocess(list(pixels), return_tensors="PIL.Image.Image")["pixel_values"]
    for ours, own in zip(sized.pictures(codes), published, strict=True):
        assert np.abs(np.asarray(ours, int) - np.asarray(own, int)).max() <= 1


# States, logits, text


def norm(model: Emu3) -> Any:
    return model.network.model.text_model.norm


def filled(theirs: Any, processor: Any, text: str, shown: Image.Image | None = None, **more: Any) -> Any:
    inputs = processor(images=shown, text=[text], return_tensors="pt", **more)
    inputs.pop("image_sizes", None) if shown is None else None
    with torch.no_grad():
        return inputs, theirs(**inputs, output_hidden_states=True)


@pytest.mark.parametrize("size", SIZES[:3])
def test_states_and_logits_of_a_question_are_equal(model: Emu3, theirs: Any, processor: Any, size: tuple[int, int]):
    shown = picture(*size)
    _, out = filled(theirs, processor, in_words("<image>what is it?"), shown)
    encoded = model.encode([Prompt.of(shown, "what is it?")], Goal.TEXT)
    layers = [state.rows[0] for state in model.states(encoded)]
    for ours, own in zip(layers[:-1], out.hidden_states, strict=False):  # their last lies behind the final norm
        torch.testing.assert_close(ours, own[0], **CLOSE)
    torch.testing.assert_close(norm(model)(layers[-1]), out.hidden_states[-1][0], **CLOSE)
    torch.testing.assert_close(model.network.lm_head(norm(model)(layers[-1])), out.logits[0], rtol=0, atol=2e-4)


def test_states_of_a_drawn_picture_are_those_of_prompt_and_picture(model: Emu3, theirs: Any, processor: Any):
    encoded = model.encode([Prompt.of(TEXTS[0])], Goal.IMAGE)
    (reply,) = model.draw(encoded, ImageSampling((1,)))
    ids = torch.tensor(processor(text=[TEXTS[0]], return_for_image_generation=True, image_area=256)["input_ids"])
    assert reply.tokens is not None
    behind = theirs.vocabulary_mapping.convert_img2bpe(torch.tensor(reply.tokens).view(4, 4)).flatten()[:-1]
    with torch.no_grad():
        out = theirs(torch.cat([ids, behind[None].long()], 1), output_hidden_states=True)
    *layers, last = model.states(encoded, [reply])
    for state, own in zip(layers, out.hidden_states, strict=False):
        torch.testing.assert_close(state.rows[0], own[0], **CLOSE)
    torch.testing.assert_close(norm(model)(last.rows[0]), out.hidden_states[-1][0], **CLOSE)


@pytest.mark.parametrize("shown", [None, picture(21, 17)], ids=["text", "picture"])
def test_greedy_text_and_its_log_probabilities_are_equal(model: Emu3, theirs: Any, processor: Any, shown: Any):
    prompt = Prompt.of(*([shown] if shown else []), "what is it?")
    (reply,) = model.write(model.encode([prompt], Goal.TEXT), TextSampling(max_new_tokens=12))
    inputs = processor(
        images=shown, text=[in_words("<image>what is it?" if shown else "what is it?")], return_tensors="pt"
    )
    out = theirs.generate(
        **inputs, max_new_tokens=12, do_sample=False, return_dict_in_generate=True, output_logits=True
    )
    new = out.sequences[0, inputs["input_ids"].shape[1] :]
    assert reply.tokens == tuple(new.tolist())
    logits = torch.cat(out.logits).log_softmax(-1)
    assert reply.log_probabilities == pytest.approx(logits.gather(1, new[:, None])[:, 0].tolist(), abs=1e-4)


# Drawing


class Constraint:
    """The grid of a picture as `prefix_allowed_tokens_fn`: image tokens, the end of every row, then three more ends."""

    def __init__(self, model: Emu3, grid: tuple[int, int]) -> None:
        special, self._grid = model.processor.special, grid
        self._start = special.grid_end
        self._codes = [tiny.VOCABULARY[f"<|visual token {code:06d}|>"] for code in range(tiny.CODES)]
        self._ends = [special.row_end, special.frame_end, special.image_end, special.eos]

    def __call__(self, _: int, ids: torch.Tensor) -> list[int]:
        rows, columns = self._grid
        drawn = len(ids) - 1 - int((ids == self._start).nonzero()[0])
        if drawn < rows * (columns + 1):
            return self._codes if (drawn + 1) % (columns + 1) else self._ends[:1]
        return [self._ends[drawn - rows * (columns + 1) + 1]]


def chosen_from(draws: Iterator[torch.Tensor], first: int, codes: int) -> Any:
    """`torch.multinomial` that chooses among image tokens by the next of the draws [samples, codes]."""

    def multinomial(probabilities: torch.Tensor, num_samples: int) -> torch.Tensor:
        own = probabilities[:, first : first + codes]
        if not own.any():  # the end of something
            return probabilities.argmax(-1, keepdim=True)
        return first + (own.log() - next(draws).log()).argmax(-1, keepdim=True)

    return multinomial


DRAWINGS = [
    DrawSettings((4, 4), guidance, temperature, top_k, negative)
    for guidance, temperature, top_k, negative in (
        (3.0, 1.0, 2048, NEGATIVE),
        (3.0, 1.0, 5, NEGATIVE),
        (1.0, 1.0, 2048, ""),
        (1.0, 0.6, 3, ""),
        (1.5, 0.4, 12, ""),
        (5.0, 1.7, 1, "blurry"),
        (7.5, 2.5, 39, "blurry"),
        (0.5, 1.0, 7, "blurry"),
        (3.0, 0.0, 2048, NEGATIVE),
        (1.0, 0.0, 0, ""),
    )
] + [DrawSettings(grid, 3.0, 0.8, 8, "blurry") for grid in ((2, 3), (3, 2), (1, 5), (5, 1), (1, 1))]


@pytest.mark.parametrize(
    "drawing", DRAWINGS, ids=lambda own: f"{own.grid} {own.guidance} {own.temperature} {own.top_k}"
)
def test_drawn_tokens_are_equal(
    model: Emu3, theirs: Any, processor: Any, drawing: DrawSettings, monkeypatch: pytest.MonkeyPatch
):
    rows, columns = drawing.grid
    how: dict[str, Any] = {"text": list(TEXTS), "return_for_image_generation": True, "padding": True}
    how |= {"image_area": rows * columns * 16, "ratio": f"{columns}:{rows}", "return_tensors": "pt"}
    inputs = processor(**how)
    assert inputs.pop("image_sizes") == [[rows, columns]] * 3
    settings: dict[str, Any] = {"do_sample": drawing.temperature > 0, "max_new_tokens": rows * (columns + 1) + 3}
    if drawing.temperature:
        settings |= {"temperature": drawing.temperature, "top_k": drawing.top_k or tiny.CODES}
    if drawing.guidance != 1:
        negative = processor(**{**how, "text": [drawing.negative] * 3})
        settings |= {"guidance_scale": drawing.guidance, "negative_prompt_ids": negative["input_ids"]}
    draws = exponential_draws(SEEDS, rows * columns, tiny.CODES)
    multinomial = chosen_from(draws, tiny.VOCABULARY["<|visual token 000000|>"], tiny.CODES)
    with monkeypatch.context() as patched:
        patched.setattr(torch, "multinomial", multinomial)
        out = theirs.generate(**inputs, **settings, prefix_allowed_tokens_fn=Constraint(model, drawing.grid))
    new = out[:, inputs["input_ids"].shape[1] :]
    codes = theirs.vocabulary_mapping.convert_bpe2img(new[:, :-3].view(-1, rows, columns + 1)).flatten(1)
    sized = model.with_settings(drawing=drawing)
    replies = sized.draw(sized.encode([Prompt.of(text) for text in TEXTS], Goal.IMAGE), ImageSampling(SEEDS))
    assert [reply.tokens.tolist() for reply in replies if reply.tokens is not None] == codes.tolist()


def test_published_settings_are_the_cards() -> None:
    """Those of the authors' script; what `generation_config.json` of the published files says is among them."""
    gen, chat = CARDS["emu3-gen"], CARDS["emu3-chat"]
    assert gen.defaults == {"guidance": 3.0, "temperature": 1.0, "top_k": 2048, "image_area": 518400}
    assert chat.defaults == {**gen.defaults, "image_area": 262144}
    for card in (gen, chat):
        rows, columns = grid_of(card.defaults["image_area"], (1, 1), 8)
        assert (rows * 8, rows * columns) == (card.image_size, card.image_tokens)
