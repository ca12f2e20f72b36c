"""`python -m sandbox app`: plays the Sourceful App, by which a homeowner takes possession of a gateway (sen.md 8, 12).

It asks the homeowner at the portal (authorization code with PKCE), lists their homes, asks a gateway who it is, has it
sign the wallet, hands that to SEN, which binds the gateway, and says with the wallet where it stands.
"""

from __future__ import annotations

import argparse
import base64
import getpass
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from sandbox.app_browser import Browser
from sandbox.app_wallet import Wallet, location_message
from sandbox.sen import crypto

SCOPES = "gateways:read gateway:identity gateway:sign"
_TIMEOUT_S = 15


class Stopped(Exception):
    """The App cannot go on; says why."""


@dataclass(frozen=True)
class Registration:
    """What the App has from the portal: no secret, where it runs on a phone."""

    client_id: str
    redirect_uri: str
    secret: str = ""


class App:
    """One run of the App for one homeowner. `portal` and `sandbox` are addresses; `say` is told each step."""

    def __init__(self, portal: str, sandbox: str, say: Callable[[str], Any]) -> None:
        self._portal, self._sandbox, self._say = portal.rstrip("/"), sandbox.rstrip("/"), say
        self._http = requests.Session()
        self._http.trust_env = False

    def authorize(self, app: Registration, email: str, password: str) -> None:
        """Ask the homeowner at the portal, for all of their homes; keep the token (RFC 6749, 7636, 8414, 9207)."""
        server = self._json("GET", f"{self._portal}/.well-known/oauth-authorization-server")
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": app.client_id, "redirect_uri": app.redirect_uri, "scope": SCOPES,
            "state": state, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        browser = Browser(app.redirect_uri)
        browser.open(f"{server['authorization_endpoint']}?{urlencode(asked)}")
        answer = _consent(browser, email, password)
        if answer.get("state") != state or answer.get("iss") != server["issuer"] or "code" not in answer:
            _stop(f"the portal came back with {answer.get('error', 'an answer to another question')}")
        self._say(f"{email} lets the App act")
        token = self._json(
            "POST", server["token_endpoint"], auth=(app.client_id, app.secret) if app.secret else None,
            data={
                "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": app.redirect_uri,
                "code_verifier": verifier, "client_id": app.client_id,
            },
        )  # fmt: skip
        self.use(token["access_token"])
        self._say(f"It has a token for {token['scope']}, good for {token['expires_in']} s")

    def use(self, token: str) -> None:
        """Go on with an access token."""
        self._http.headers["Authorization"] = f"Bearer {token}"

    def take_over(self, wallet: Wallet, position: str, gateway: str = "") -> str:
        """Bind a gateway, or the first that has no wallet, to the wallet and set where it stands; return its id."""
        gateway = gateway or self._first_without_wallet()
        public_key = self._identity(gateway)
        message, signature = self._signed(gateway, wallet.address, public_key)
        self._incept(message, signature)
        owner = self._ask_sen(f"{{gateway{{gateway(id:{json.dumps(gateway)}){{wallet}}}}}}")["gateway"]["gateway"]
        if owner["wallet"] != wallet.address:
            _stop(f"SEN says that {gateway} belongs to {owner['wallet']}")
        self._say(f"SEN: {gateway} belongs to {wallet.address}")
        said = location_message(wallet.address, gateway, position, self._now())
        body = {"message": said, "signature": wallet.sign(said)}
        self._json("POST", f"{self._sandbox}/sen/__admin/gateways/{gateway}/location", json=body)
        self._say(f"SEN: {gateway} stands at {position}, which the wallet signed")
        return gateway

    def _first_without_wallet(self) -> str:
        homes = self._json("GET", f"{self._portal}/api/v1/gateways")["data"]
        for home in homes:
            self._say(f"Home {home['id']} {home['name']!r}: {home['status']}")
        free = [str(home["id"]) for home in homes if not home["has_wallet"]]
        if not free:
            _stop("no home is without a wallet")
        return free[0]

    def _identity(self, gateway: str) -> str:
        """Return the gateway's public key, once SEN says that it is the gateway's."""
        said = self._json("GET", f"{self._portal}/gateways/{gateway}/api/crypto")
        known = self._json("GET", f"{self._sandbox}/sen/__admin/gateways/{gateway}")
        good = {key["public_key"] for key in known["keys"] if not key["banned"]}
        if said["serialNumber"] != gateway or said["publicKey"] not in good:
            _stop(f"SEN does not know {said['publicKey'][:16]}… as a key of {gateway}")
        self._say(f"{gateway} is a {said['deviceName']}, and SEN knows its key {said['publicKey'][:16]}…")
        return str(said["publicKey"])

    def _signed(self, gateway: str, address: str, public_key: str) -> tuple[str, str]:
        timestamp = f"{self._now():%Y-%m-%dT%H:%M:%SZ}"
        body = {"message": address, "timestamp": timestamp}
        said = self._json("POST", f"{self._portal}/gateways/{gateway}/api/crypto/sign", json=body)
        message, signature = str(said["message"]), str(said["sign"])
        wallet, _nonce, at, serial = message.split("|")
        if (wallet, at, serial) != (address, timestamp, gateway):
            _stop(f"the gateway signed something else: {message}")
        if not crypto.verifies(public_key, bytes.fromhex(signature), message.encode()):
            _stop("the signature is not by the gateway's key")
        self._say(f"It signed {message}")
        return message, signature

    def _incept(self, message: str, signature: str) -> None:
        given = f"idAndWallet:{json.dumps(message)},signature:{json.dumps(signature)}"
        query = f"mutation{{gatewayInception{{initialize(gatewayInitialization:{{{given}}}){{initialized}}}}}}"
        if not self._ask_sen(query)["gatewayInception"]["initialize"]["initialized"]:
            _stop("SEN does not bind the gateway: its page of refusals says why")
        self._say("SEN bound the gateway")

    def _ask_sen(self, query: str) -> Any:
        return self._json("POST", f"{self._sandbox}/sen/", json={"query": query})["data"]

    def _now(self) -> datetime:
        """Return the time that SEN's stand-in goes by."""
        return datetime.fromisoformat(self._json("GET", f"{self._sandbox}/__admin/clock")["now"])

    def _json(self, method: str, url: str, **given: Any) -> Any:
        # Nobody but the portal is shown the token.
        headers = {} if url.startswith(f"{self._portal}/") else {"Authorization": None}
        response = self._http.request(method, url, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False, **given)
        if response.status_code not in {200, 201}:
            _stop(f"{method} {url} was answered with {response.status_code}: {response.text[:500]}")
        return response.json()


def _consent(browser: Browser, email: str, password: str) -> dict[str, str]:
    """Sign in, tick every home and allow; return what the portal tells the App."""
    sign_in = next((form for form in browser.forms if "password" in form.fields), None)
    if sign_in:
        browser.send(sign_in, login=email, password=password)
    if any("password" in form.fields for form in browser.forms):
        _stop(f"the portal does not let {email} in with this password. Homeowners set one under Security, Password")
    consent = next((form for form in browser.forms if form.boxes), None)
    if consent is None:
        _stop(f"{email} has no home, or a second factor that the App cannot give for them")
    browser.send(consent, *consent.boxes)
    return dict(parse_qsl(urlsplit(browser.came_back_to).query))


def _stop(reason: str) -> NoReturn:
    raise Stopped(reason)


def main(arguments: Sequence[str]) -> None:
    """Run the App; the homeowner's password and the client's secret come from PASSWORD and CLIENT_SECRET."""
    parser = argparse.ArgumentParser(prog="sandbox app", description=__doc__)
    parser.add_argument("--portal", default="http://localhost:8000")
    parser.add_argument("--sandbox", default="http://127.0.0.1:8801")
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--redirect-uri", required=True, help="one that the client is registered with")
    parser.add_argument("--email", required=True, help="whose homes")
    parser.add_argument("--gateway", default="", help="its id; else the first home without a wallet")
    parser.add_argument("--seed", type=bytes.fromhex, help="32 bytes of the wallet's key as hex; else a new wallet")
    parser.add_argument("--position", default="59.329300, 18.068600", help="'latitude, longitude' in degrees")
    args = parser.parse_args(arguments)
    password = os.environ.get("PASSWORD") or getpass.getpass(f"Password of {args.email}: ")
    app = App(args.portal, args.sandbox, print)
    known = Registration(args.client_id, args.redirect_uri, os.environ.get("CLIENT_SECRET", ""))
    try:
        app.authorize(known, args.email, password)
        app.take_over(Wallet(args.seed), args.position, args.gateway)
    except (Stopped, requests.RequestException) as error:
        sys.exit(f"The App stops: {error}")
