"""Proxies and certificates of the environment are looked at before anything is sent, and named."""

import ssl

import pytest

from tests.helpers.chat_samples import chat, question
from tests.helpers.loopback_judge import KEY, VARIABLE, loopback, say
from unispect.chat import AskError, FatalError, PictureRequest, Secret, chat_for
from unispect.chat.anthropic_sdk import AnthropicSDK
from unispect.chat.google_sdk import GoogleSDK
from unispect.chat.http import fault_of
from unispect.chat.network import CERTIFICATES, is_local, problems, way_to
from unispect.chat.openai_http import OpenAIHTTP
from unispect.chat.openai_pictures import OpenAIPictures
from unispect.chat.openai_sdk import OpenAISDK
from unispect.chat.values import Limits
from unispect.core.errors import UsageError
from unispect.core.prompts import Prompt

FAR = "http://gpu-7:8000/v1"
SAFE = "https://api.example.org/v1"


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    for name in (*CERTIFICATES, "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)


PROXIES = {
    "SOCKS without its package": ("ALL_PROXY", "socks5://127.0.0.1:1080", "socksio"),
    "SOCKS by another name": ("all_proxy", "socks://127.0.0.1:7890/", "scheme 'socks'"),
    "SOCKS 4": ("http_proxy", "socks4://127.0.0.1:7890", "scheme 'socks4'"),
    "for one scheme": ("HTTP_PROXY", "ftp://proxy:21", "scheme 'ftp'"),
    "garbage": ("ALL_PROXY", "http://[::1", "no address of a proxy"),
    "a port that is none": ("ALL_PROXY", "http://proxy:port", "no address of a proxy"),
    "a port that is too high": ("ALL_PROXY", "http://proxy:99999", "no address of a proxy"),
    "no host": ("ALL_PROXY", "http://", "names no host"),
    "words": ("ALL_PROXY", "my proxy", "names no host"),
}


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_that_cannot_be_used_is_named(monkeypatch, name):
    variable, value, words = PROXIES[name]
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(UsageError, match=words) as caught:
        way_to(FAR)
    assert f"{variable}={value}" in str(caught.value)
    assert f"unset {variable}" in str(caught.value)
    assert "NO_PROXY=gpu-7" in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["socks://me:pass-word@proxy:1", "me:pass-word@proxy:port", "http://a@b:pass-word@[::1", "ftp://proxy?t=pass-word"],
)
def test_user_and_password_of_a_proxy_are_masked(monkeypatch, value):
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(UsageError) as caught:
        way_to(FAR)
    assert "pass-word" not in str(caught.value)
    assert "me:" not in str(caught.value)
    assert caught.value.__cause__ is None


CLIENTS = {
    "openai": lambda url: OpenAIHTTP("m", url),
    "pictures": lambda url: OpenAIPictures("m", url),
    "openai-sdk": lambda url: OpenAISDK("m", base_url=url),
    "anthropic": lambda url: AnthropicSDK("m", base_url=url),
    "google": lambda url: GoogleSDK("m", base_url=url),
}


@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize(
    ("variable", "value"),
    [("ALL_PROXY", "socks4://h:1"), ("SSL_CERT_FILE", "/gone/cacert.pem"), ("SSL_CERT_DIR", "/gone")],
)
def test_every_client_finds_it_before_it_sends(monkeypatch, name, variable, value):
    if name in ("openai-sdk", "anthropic", "google"):
        pytest.importorskip({"openai-sdk": "openai", "google": "google.genai"}.get(name, name))
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(key, "sk-0123456789")
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=f"{variable}={value}"):
        CLIENTS[name](SAFE).prepare()


def test_a_chat_by_name_is_not_even_made(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks4://h:1")
    with pytest.raises(UsageError, match="HTTPS_PROXY=socks4"):
        chat_for(f"openai:m@{SAFE}", key_from="")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "app.localhost",
        "127.0.0.1",
        "127.3.2.1",
        "127.1",
        "::1",
        "[::1]",
        "0.0.0.0",
        "::ffff:127.0.0.1",
    ],
)
def test_these_are_this_machine(host):
    assert is_local(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        None,
        "127.0.0.1%2eexample.org",
        "localhost%2eexample.org",
        "x y.localhost",
        "127.0.0.1.example.org",
        "localhost.example.org",
        "10.0.0.1",
        "128.0.0.1",
        "fe",
    ],
)
def test_these_are_not(host):
    assert not is_local(host)


@pytest.mark.parametrize("variable", ["ALL_PROXY", "http_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1", "http://127.0.0.1:1", "garbage://x"])
def test_this_machine_is_asked_without_a_proxy(server, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert chat(server.url).ask(question()).value.seen


def test_another_machine_is_asked_through_the_proxy(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.otherwise = say('{"seen": true}')
    chats = chat_for("openai:m@http://judge.invalid/v1", key_from="")
    assert chats.ask(question()).value.seen
    assert server.headers[0]["Host"] == "judge.invalid"


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_ends_it(server, monkeypatch, status):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    server.otherwise = lambda handler, body: handler.respond(status, b"")
    with pytest.raises(AskError, match=f"status {status}"):
        chat_for("openai:m@http://judge.invalid/v1", key_from="").ask(question())
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("excepted", "url", "direct"),
    [
        ("gpu-7", FAR, True),
        ("other, gpu-7:8000", FAR, True),
        ("gpu-7:8001", FAR, False),
        ("example.org", SAFE, True),
        (".example.org", SAFE, True),
        ("*.example.org", SAFE, True),
        ("ample.org", SAFE, False),
        ("*", SAFE, True),
        ("10.0.0.0/8", "http://10.2.3.4/v1", True),
        ("10.0.0.0/8", "http://11.2.3.4/v1", False),
        ("fe80::/10", "http://[fe80::1]/v1", True),
        ("::1/no, [[, 1.2.3.4/99, gpu-7", FAR, True),
        ("http://gpu-7", FAR, True),
        ("", FAR, False),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_exceptions_are_kept_to(monkeypatch, variable, excepted, url, direct):
    monkeypatch.setenv("ALL_PROXY", "http://proxy:3128")
    monkeypatch.setenv(variable, excepted)
    assert (way_to(url).proxy is None) == direct


def test_lower_case_counts_first_and_empty_is_none(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "socks4://h:1")
    monkeypatch.setenv("http_proxy", "proxy:3128")
    assert str(way_to(FAR).proxy.url) == "http://proxy:3128"
    monkeypatch.setenv("http_proxy", "")
    assert way_to(FAR).proxy is None


def hashed(folder):
    (folder / "0123abcd.0").write_text("x")
    return folder


def pem(folder):
    (folder / "x.pem").write_text("no certificate")
    return folder / "x.pem"


CERTIFICATE_FAULTS = {
    "no file": ("SSL_CERT_FILE", lambda folder: folder / "gone.pem", "no such file"),
    "no certificates in the file": ("SSL_CERT_FILE", pem, "holds no certificates"),
    "no folder": ("SSL_CERT_DIR", lambda folder: folder / "gone", "no such folder"),
    "no certificates in the folder": ("SSL_CERT_DIR", lambda folder: folder, "openssl rehash"),
    "requests": ("REQUESTS_CA_BUNDLE", lambda folder: folder / "gone.pem", "no such file"),
    "curl": ("CURL_CA_BUNDLE", lambda folder: folder / "gone.pem", "no such file"),
}


@pytest.mark.parametrize("name", CERTIFICATE_FAULTS)
def test_certificates_that_are_not_there_are_named(monkeypatch, tmp_path, name):
    variable, make, words = CERTIFICATE_FAULTS[name]
    value = make(tmp_path)
    monkeypatch.setenv(variable, str(value))
    with pytest.raises(UsageError, match=words) as caught:
        way_to(SAFE)
    assert f"{variable}={value}" in str(caught.value)
    assert problems([SAFE, SAFE]) == [str(caught.value)]


def test_a_key_log_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "gone" / "log"))
    monkeypatch.setenv("SSL_CERT_DIR", str(hashed(tmp_path)))
    with pytest.raises(UsageError, match="cannot be used for TLS"):
        way_to(SAFE)


def test_without_tls_no_certificates_are_read(server, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/gone/cacert.pem")
    assert chat(server.url).ask(question()).value.seen
    assert way_to(FAR).trust.get_ca_certs() == []
    assert way_to(FAR).trust.verify_mode is ssl.CERT_REQUIRED


def test_a_server_that_is_not_trusted_ends_it_with_the_cure():
    import httpx2

    fault = fault_of(httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), Limits())
    assert fault.fatal
    assert "SSL_CERT_FILE" in fault.what


def test_nothing_in_the_way_is_no_problem():
    assert problems([SAFE, FAR]) == []


@pytest.mark.parametrize("name", CLIENTS)
def test_a_key_in_the_clear_goes_to_this_machine_and_past_every_proxy(monkeypatch, name):
    """The proxy is a server that counts; the other one answers."""
    if name in ("openai-sdk", "anthropic", "google"):
        pytest.importorskip({"openai-sdk": "openai", "google": "google.genai"}.get(name, name))
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", VARIABLE):
        monkeypatch.setenv(key, KEY)
    with loopback() as here, loopback() as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        port = here.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "127.1"):
            sent = here.seen.copy()
            KEYED[name](f"http://{host}:{port}/v1").send(
                PictureRequest(Prompt.of("a")) if name == "pictures" else question()
            )
            assert len(here.seen) == len(sent) + 1
            assert KEY in str(here.headers[-1])
        assert proxy.headers == []


KEYED = {
    "openai": lambda url: OpenAIHTTP("m", url, Secret(VARIABLE)),
    "pictures": lambda url: OpenAIPictures("m", url, Secret(VARIABLE)),
    "openai-sdk": lambda url: OpenAISDK("m", base_url=url),
    "anthropic": lambda url: AnthropicSDK("m", base_url=url),
    "google": lambda url: GoogleSDK("m", base_url=url),
}


@pytest.mark.parametrize("name", KEYED)
@pytest.mark.parametrize(
    "host",
    ["judge.example.org", "10.0.0.1", "127.0.0.1%2eexample.org", "localhost%2eexample.org", "localhost.example.org"],
)
def test_no_client_sends_a_key_in_the_clear_to_another_machine(name, host):
    with pytest.raises(UsageError, match=r"in the clear|must look like"):
        KEYED[name](f"http://{host}:1/v1")


@pytest.mark.parametrize(
    "url", ["http://evil.example\\.localhost/v1", "http://local\thost/v1", "http://127。0。0。1/v1"]
)
def test_urls_that_are_read_in_two_ways_are_refused(url):
    with pytest.raises(UsageError, match="must look like"):
        OpenAIHTTP("m", url)


def test_a_name_of_this_machine_that_leads_elsewhere_gets_nothing(server, monkeypatch):
    """Told apart by the address at the other end, whatever a resolver says."""
    from unispect.chat import http

    monkeypatch.setattr(http, "_leads_here", lambda address: False)
    with pytest.raises(FatalError, match="leads to another one"):
        chat(server.url.replace("127.0.0.1", "localhost")).ask(question())
    assert server.seen == []


@pytest.mark.parametrize(
    ("address", "here"),
    [(("127.0.0.1", 1), True), (("::1", 1, 0, 0), True), (("::ffff:127.0.0.1", 1), True), (("10.1.2.3", 1), False)],
)
def test_addresses_of_this_machine(address, here):
    from unispect.chat.http import _leads_here

    assert _leads_here(address) == here
    assert not _leads_here(None)


def test_a_package_cannot_be_made_to_ask_another_server(server):
    from unispect.chat.http import BoundedClient, Cut

    with BoundedClient(Limits(), "http://127.0.0.1:9/v1") as client, pytest.raises(Cut, match="another server"):
        client.post(server.url + "/v1/chat/completions", json={})
    assert server.seen == []
