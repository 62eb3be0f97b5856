"""An OpenID Connect provider on loopback: signs what a test says, also what no honest one would."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KID = "one"


@cache
def key_of(number: int) -> rsa.RSAPrivateKey:
    """Making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Provider:
    """Who logs in there is whoever `person` says; `token`, `info` and `lie` change what is said."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = key_of(1)
        self.person: dict[str, Any] = {"sub": "s-1", "email": "jo@desk.example", "email_verified": True}
        self.token: dict[str, Any] = {}
        self.info: dict[str, Any] = {}
        self.signing_key: Any = self.key
        self.algorithm = "RS256"
        self.asked: dict[str, dict[str, str]] = {}

    def configuration(self) -> dict[str, Any]:
        """What it says of itself."""
        names = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
        return {"issuer": self.issuer, **{name: f"{self.issuer}/{name}" for name in names}}

    def keys(self) -> dict[str, Any]:
        """Its public key."""
        told = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**told, "kid": KID, "alg": "RS256", "use": "sig"}]}

    def authorize(self, asked: dict[str, str]) -> str:
        """The person has logged in: where the browser goes."""
        code = f"code-{len(self.asked)}"
        self.asked[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def exchange(self, asked: dict[str, str]) -> dict[str, Any] | None:
        """Tokens for a code, once, and only with the verifier that fits its challenge."""
        begun = self.asked.pop(asked["code"], None)
        digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if begun is None or begun["code_challenge"] != challenge or asked["client_secret"] != "secret":
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": begun["client_id"], "sub": self.person["sub"], "iat": now}
        claims |= {"exp": now + 300, "nonce": begun["nonce"], "auth_time": now, **self.token}
        kept = {name: value for name, value in claims.items() if value is not None}
        signed = jwt.encode(kept, self.signing_key, algorithm=self.algorithm, headers={"kid": KID})
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}


class Door(BaseHTTPRequestHandler):
    """Its HTTP."""

    provider: Provider

    def do_GET(self) -> None:
        """Configuration, keys, user info, and the page where a person would log in."""
        parts = urlsplit(self.path)
        if parts.path == "/authorization_endpoint":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self.send_response(302)
            self.send_header("Location", self.provider.authorize(asked))
            self.end_headers()
            return
        told = {
            "/.well-known/openid-configuration": self.provider.configuration,
            "/jwks_uri": self.provider.keys,
            "/userinfo_endpoint": lambda: {**self.provider.person, **self.provider.info},
        }
        self.tell(told[parts.path]())

    def do_POST(self) -> None:
        """Tokens."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        told = self.provider.exchange({name: values[0] for name, values in parse_qs(body).items()})
        self.tell(told or {"error": "invalid_grant"}, 200 if told else 400)

    def tell(self, told: dict[str, Any], status: int = 200) -> None:
        """An answer in JSON."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def provider() -> Iterator[Provider]:
    """One that serves on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnDoor", (Door,), {}))
    found = Provider(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass.provider = found  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
