#!/usr/bin/env bash
# Library: google-genai 3.4.0 (with httpx2 2.16.2).
#
# Behaviour: a `Client` to which both HTTP clients are given (`httpx_client`, `httpx_async_client`) and whose base URL is plain
# http reads the file that SSL_CERT_FILE names all the same, and cannot be made where that file is missing. The clients given
# here answer by themselves and open no connection; without the variable, the same `Client` is made and answers.
#
# Source: google/genai/_api_client.py, `BaseApiClient.__init__`: `_ensure_httpx_ssl_ctx` is skipped where both clients are given,
# `_ensure_websocket_ssl_ctx`, which serves live sessions, is called always and loads the certificates at once. The README names
# the variable as an optional one beside proxies, and says of clients of one's own only how to give them.
#
# Output seen:
#   SSL_CERT_FILE unset: hello
#   SSL_CERT_FILE names a missing file: FileNotFoundError in _ensure_websocket_ssl_ctx
#
# Guess: with clients of one's own and plain http, no certificates are read before a live session is opened. Missed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq google-genai==3.4.0 httpx2==2.16.2

"$folder/venv/bin/python" - "$folder/missing.pem" <<'PYTHON'
import os
import sys
import traceback

import httpx2
from google import genai
from google.genai import types

EXPECTED = {
    "SSL_CERT_FILE unset": "hello",
    "SSL_CERT_FILE names a missing file": "FileNotFoundError in _ensure_websocket_ssl_ctx",
}


def reply(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, json={"candidates": [{"content": {"role": "model", "parts": [{"text": "hello"}]}}]})


def ask() -> str:
    options = types.HttpOptions(
        base_url="http://127.0.0.1:1",
        httpx_client=httpx2.Client(transport=httpx2.MockTransport(reply)),
        httpx_async_client=httpx2.AsyncClient(transport=httpx2.MockTransport(reply)),
    )
    try:
        client = genai.Client(api_key="none", vertexai=False, http_options=options)
    except FileNotFoundError as error:
        places = [frame.name for frame in traceback.extract_tb(error.__traceback__) if "genai" in frame.filename]
        return f"FileNotFoundError in {places[-1]}"
    return client.models.generate_content(model="any", contents="hi").text


seen = {}
os.environ.pop("SSL_CERT_FILE", None)
seen["SSL_CERT_FILE unset"] = ask()
os.environ["SSL_CERT_FILE"] = sys.argv[1]
seen["SSL_CERT_FILE names a missing file"] = ask()
for name, result in seen.items():
    print(f"{name}: {result}")
if seen != EXPECTED:
    sys.exit("changed: google-genai no longer does what the head of this script says")
PYTHON
