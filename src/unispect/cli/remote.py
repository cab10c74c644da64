"""What `run` is told about models behind an API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from unispect.chat.dialect import GuidanceName, StepsName
from unispect.cli.speaking import Speaking, told
from unispect.core.errors import UsageError

if TYPE_CHECKING:
    from unispect.models.remote.names import Asking
    from unispect.runner import order as runner

GROUP = Group("Models behind an API", sort_key=1)


def _told(text: str) -> Parameter:
    return Parameter(help=text, group=GROUP, show_default=False, negative=())


@Parameter(name="*", group=GROUP)
@dataclass(frozen=True)
class Remote:
    """How models behind an API are asked, as typed."""

    prices: Annotated[Path | None, _told("Price table, YAML (docs/chat.md).")] = None
    max_cost: Annotated[
        float | None, _told("Never spend more on one model, over all commands that continue this run; needs --prices.")
    ] = None
    key_from: Annotated[
        str | None, _told("Environment variable that holds the key, if it is not the provider's own; '' for none.")
    ] = None
    cassette: Annotated[
        Path | None, _told("File that keeps every reply paid for; by default one for each model in the run folder.")
    ] = None
    replay: Annotated[bool, _told("Ask nobody; take replies from the cassette only.")] = False
    requests_per_minute: Annotated[float | None, _told("At most so many.")] = None
    tokens_per_minute: Annotated[float | None, _told("At most so many, read and written.")] = None
    concurrency: Annotated[int, _told("Calls on their way at the same time; 4 unless said otherwise.")] = 4
    picture_size: Annotated[
        str,
        _told("Of drawn pictures, in the provider's words: 1024x1024 (default), 1:1 (google); none sends none."),
    ] = ""
    picture_quality: Annotated[
        str, _told("Of drawn pictures, in the provider's words: low, high; for google the size 1K, 2K, 4K.")
    ] = ""
    picture_guidance: Annotated[
        float | None,
        _told("Classifier-free guidance weight of drawn pictures, sent to servers of OpenAI's protocol but its own."),
    ] = None
    picture_steps: Annotated[int | None, _told("Denoising steps of drawn pictures; likewise.")] = None
    negative_prompt: Annotated[str, _told("What not to draw; likewise.")] = ""
    thinking_tokens: Annotated[int, _told("Allowed beyond the length of a reply, for models that think first.")] = 0
    no_temperature: Annotated[bool, _told("Send no temperature, for models that refuse one.")] = False
    log_probabilities: Annotated[
        bool, _told("Ask for those of the tokens that are written, and record them; of servers of OpenAI's protocol.")
    ] = False

    picture_seed: Annotated[
        bool | None,
        told(
            "Send seeds with what is to be drawn; by default to every server but OpenAI's own, which takes none.",
            "--no-picture-seed",
        ),
    ] = None
    picture_format: Annotated[
        bool | None,
        told(
            "Ask for the bytes of pictures (response_format); by default every server but OpenAI's own.",
            "--no-picture-format",
        ),
    ] = None

    guidance_name: Annotated[
        GuidanceName, told("Field of --picture-guidance; guidance_scale unless said otherwise.")
    ] = "guidance_scale"
    steps_name: Annotated[StepsName, told("Field of --picture-steps; num_inference_steps unless said otherwise.")] = (
        "num_inference_steps"
    )

    speaking: Annotated[Speaking, Parameter(name="*")] = Speaking()  # noqa: RUF009 - frozen

    def require_sense(self, asked: Sequence[str], models: int, device: str, dtype: str) -> None:
        """Returns if everything that was said means something to one of the models.

        Args:
            asked: names of those behind an API.
            models: how many there are.
            device: as typed.
            dtype: as typed.

        Raises:
            UsageError: names the first option that would have no effect.
        """
        from unispect.models.remote.names import remote_name

        said = [
            field.name
            for told in (self, self.speaking)
            for field in fields(told)
            if field.name != "speaking" and getattr(told, field.name) != field.default
        ]
        if said and not asked:
            raise UsageError(f"--{said[0].replace('_', '-')} is for models behind an API (PROVIDER:MODEL)")
        if self.cassette and len(asked) > 1:
            raise UsageError("--cassette is for one model behind an API; by default each has one of its own")
        said = [name for name in _OF_PICTURES if getattr(self, name) not in (None, "")]
        if said and not any(remote_name(name).draws for name in asked):
            raise UsageError(f"--{said[0].replace('_', '-')} is for models that draw: PROVIDER:CHAT+IMAGE")
        if len(asked) == models and (device, dtype) != ("auto", "auto"):
            option = "--device" if device != "auto" else "--dtype"
            raise UsageError(f"{option} is for models that run here, not for models behind an API")

    @property
    def as_said(self) -> runner.Remote:
        """The same as the runner takes it."""
        from unispect.chat import Spending
        from unispect.runner import order as runner

        limits = (self.requests_per_minute, self.tokens_per_minute, self.concurrency)
        spending = Spending(self.prices, self.max_cost, self.cassette, *limits)
        return runner.Remote(spending, self.key_from, self._asking, self.replay)

    @property
    def _asking(self) -> Asking:
        """What decides the answers."""
        from unispect.models.remote.names import Asking

        dialect = replace(
            self.speaking.dialect,
            picture_seeds=self.picture_seed,
            picture_format=self.picture_format,
            guidance_name=self.guidance_name,
            steps_name=self.steps_name,
        )
        return Asking(
            self.picture_size,
            self.picture_quality,
            self.thinking_tokens,
            not self.no_temperature,
            dialect,
            self.picture_guidance,
            self.picture_steps,
            self.negative_prompt,
            self.log_probabilities,
        )


_OF_PICTURES = ("picture_size", "picture_quality", "picture_guidance", "picture_steps", "negative_prompt")
