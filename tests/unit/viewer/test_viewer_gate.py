"""Who is let in, and what a page may do."""

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.helpers.htmltree import parse
from tests.helpers.viewed import HOST, TOKEN, layers_run, strange_run, viewed, words_run
from unispect.core.errors import UsageError
from unispect.viewer import pages, serving
from unispect.viewer.app import Viewer, application
from unispect.viewer.gate import POLICY


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, Viewer]]:
    folder = tmp_path_factory.mktemp("runs")
    words_run(folder / "words", "one", "two")
    layers_run(folder / "layers", "one")
    strange_run(folder / "strange", "secret words")
    with viewed(folder) as known:
        known[1].verdicts.of(known[1].runs())
        known[1].verdicts.wait()
        yield known


@pytest.fixture
def client(both: tuple[TestClient, Viewer]) -> TestClient:
    return both[0]


@pytest.fixture
def stranger(both: tuple[TestClient, Viewer]) -> TestClient:
    app = application(both[1], token=TOKEN, hosts=(HOST,))
    return TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)


def addresses(viewer: Viewer) -> list[str]:
    """One of every kind."""
    run = next(run for run in viewer.runs() if run.name == "words")
    ((unit, sha256),) = viewer.index.read("SELECT unit, '' FROM records WHERE run = ? AND pictures LIMIT 1", run.key)
    with run.opened() as reader:
        entry = reader.get(unit)
    assert entry is not None
    sha256 = entry.record.blobs["picture"]
    return [
        *("/", "/verdicts", "/verdicts/concepts", "/records", "/gallery", "/compare", "/live"),
        "/compare?a=one%401&b=two%401",
        f"/record/{run.key}/{unit}",
        f"/raw/{run.key}/{unit}.json",
        f"/picture/{run.key}/{sha256}.png",
        *(pages.base.static(name) for name in pages.STATIC if name != "vega.js"),
        "/no/such/page",
    ]


def test_every_kind_of_page_is_among_them(both: tuple[TestClient, Viewer]) -> None:
    opened = {address.partition("?")[0] for address in addresses(both[1])}
    assert {path.partition("{")[0] for path in pages.PAGES} <= {*opened, "/verdicts/", "/record/"}
    assert [both[0].get(address).status_code for address in addresses(both[1])] == [200] * (
        len(addresses(both[1])) - 1
    ) + [404]


def test_whoever_has_no_token_sees_nothing(both: tuple[TestClient, Viewer], stranger: TestClient) -> None:
    for address in addresses(both[1]):
        answer = stranger.get(address)
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("text/plain")
        assert "words" not in answer.text
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "a-toke", "a-token2", "A-TOKEN", "ä", "%00", "a-token%00", "\udcff"])
def test_no_other_token_will_do(stranger: TestClient, token: str) -> None:
    said = token if "%" in token else quote(token, errors="surrogateescape")
    assert stranger.get(f"/?token={said}").status_code == 403
    assert (
        stranger.get("/", headers={"Cookie": f"unispect-view={token.encode('ascii', 'ignore').decode()}"}).status_code
        == 403
    )


def test_the_token_becomes_a_cookie_and_leaves_the_address(stranger: TestClient) -> None:
    answer = stranger.get(f"/records?q=a+b&token={TOKEN}&result=wrong")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/records?q=a+b&result=wrong"
    assert TOKEN not in answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(f"unispect-view={TOKEN};")
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "domain" not in cookie
    assert stranger.get("/records").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "///evil.example/x", "/\\evil.example"])
def test_the_token_leads_to_no_other_site(stranger: TestClient, path: str) -> None:
    answer = stranger.get(f"http://{HOST}{path}?token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"][:2] not in ("//", "/\\")
    assert answer.headers["location"].startswith("/")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1", "127.0.0.1:8001", "", f"{HOST}.evil.example"]
)
def test_another_name_is_not_heard(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "words" not in answer.text


@pytest.mark.parametrize("hosts", [[], [HOST, HOST], [HOST, "evil.example"], ["evil.example", HOST]])
def test_exactly_one_name_is_heard(both: tuple[TestClient, Viewer], hosts: list[str]) -> None:
    assert asked(both[1], "/", hosts) == 421
    assert asked(both[1], "/", [HOST]) == 403


def test_what_cannot_be_an_address_is_answered(both: tuple[TestClient, Viewer]) -> None:
    assert asked(both[1], "/\udcff", [HOST], f"token={TOKEN}") == 400
    assert asked(both[1], "/", ["\xff"]) == 421


def asked(viewer: Viewer, path: str, hosts: list[str], query: str = "") -> int:
    """The status of what is answered to a request as a server hands it on; clients tidy what they send."""
    said: list[int] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode("latin-1"),
        "headers": [(b"host", host.encode("latin-1")) for host in hosts],
    }

    async def hear() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def say(message: MutableMapping[str, Any]) -> None:
        said.append(message.get("status", 0))

    asyncio.run(application(viewer, token=TOKEN, hosts=(HOST,))(scope, hear, say))
    return said[0]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_nothing_but_reading_is_answered(client: TestClient, method: str) -> None:
    assert client.request(method, "/records").status_code == 405


def test_every_answer_says_what_it_may_do(both: tuple[TestClient, Viewer], stranger: TestClient) -> None:
    client, viewer = both
    answers = [client.get(address) for address in addresses(viewer)]
    answers += [stranger.get("/"), client.post("/"), client.get("/", headers={"Host": "evil.example"})]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] in ("no-store", "private, max-age=86400, immutable")
        assert "access-control-allow-origin" not in answer.headers
    assert "unsafe" not in POLICY


def test_pages_hold_nothing_that_the_policy_forbids(both: tuple[TestClient, Viewer]) -> None:
    client, viewer = both
    for address in addresses(viewer):
        answer = client.get(address)
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        for element in parse(answer.text):
            assert element.tag not in ("style", "iframe", "object", "embed", "base")
            assert element.tag != "script" or (element.attributes["src"] and not element.children)
            assert not [name for name in element.attributes if name.startswith("on") or name in ("style", "srcdoc")]
            for name in ("src", "href", "action"):
                target = element.attributes.get(name)
                assert target is None or (target.startswith(("/", "#")) and not target.startswith("//")) or target == ""


@pytest.mark.parametrize(
    "path",
    [
        "/picture/{run}/..%2Frun.json.png",
        "/picture/{run}/%2E%2E%2F%2E%2E%2Fetc%2Fpasswd.png",
        "/picture/{run}/../run.sqlite",
        "/picture/..%2F..%2Fetc/passwd.png",
        "/picture/{run}/" + "a" * 63 + ".png",
        "/picture/{run}/" + "a" * 64 + ".png",
        "/picture/{run}/" + "A" * 64 + ".png",
        "/raw/{run}/..%2F..%2Frun.json",
        "/raw/{run}/nothing.json",
        "/record/{run}/..%2Frun.json",
        "/record/nobody/nothing",
        "/static/1/..%2Fapp.py",
        "/static/..%2F..%2Fapp.py",
        "/static/1/view.css",
        "/static/1/app.py",
        "/world.png?shape=..%2F..%2Fetc%2Fpasswd",
        "/world.png",
    ],
)
def test_no_path_leads_out(both: tuple[TestClient, Viewer], path: str) -> None:
    client, viewer = both
    answer = client.get(path.replace("{run}", viewer.runs()[0].key))
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "SQLite" not in answer.text
    assert "invocations" not in answer.text


def test_a_web_socket_is_closed(both: tuple[TestClient, Viewer]) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), both[0].websocket_connect("/live"):
        pass


@pytest.mark.parametrize("host", ["192.168.1.5", "example.org", "::2", "10.0.0.1", ""])
def test_what_others_can_reach_has_to_be_asked_for(host: str) -> None:
    with pytest.raises(UsageError, match="beyond-this-machine"):
        serving.require_local(host, beyond=False)
    serving.require_local(host, beyond=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_needs_no_asking(host: str) -> None:
    serving.require_local(host, beyond=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_addresses_at_once_are_refused(host: str) -> None:
    with pytest.raises(UsageError, match="every address"):
        serving.require_local(host, beyond=True)


def test_names_of_the_viewer() -> None:
    assert serving.names_of("127.0.0.1", 8000) == ("127.0.0.1:8000", "localhost:8000")
    assert "[::1]:8000" in serving.names_of("::1", 8000)
    assert serving.names_of("192.168.1.5", 8000) == ("192.168.1.5:8000",)


def test_browsers_leave_out_the_port_of_http() -> None:
    assert serving.names_of("127.0.0.1", 80) == ("127.0.0.1", "127.0.0.1:80", "localhost", "localhost:80")
    assert {"[::1]", "[::1]:80"} < set(serving.names_of("::1", 80))
    assert serving.names_of("Box", 80) == ("box", "box:80")


@pytest.mark.parametrize("host", ["a..b", "a" * 70, "\udcff"])
def test_what_can_be_no_name_is_not_listened_on(host: str) -> None:
    with pytest.raises(UsageError, match="cannot be listened on"):
        serving._listening(host, 0)
