"""The key of every test of chat models, and a server that they may pay."""

from collections.abc import Iterator

import pytest

from tests.helpers.loopback_judge import KEY, VARIABLE, LoopbackJudge, loopback


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        for spelled in (name, name.upper()):
            monkeypatch.delenv(spelled, raising=False)


@pytest.fixture
def server() -> Iterator[LoopbackJudge]:
    with loopback() as running:
        yield running
