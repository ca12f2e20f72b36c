"""A homeowner in front of the pages: fills in forms as a browser without scripts does."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import urlsplit

import base58
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from onboarding.models import Journey

SOLIS_KEYS = {"key_id": "sandbox-key", "key_secret": "sandbox-secret"}
PLACE = {"latitude": "59.3293", "longitude": "18.0686"}


class Wallet:
    """A wallet that signs what it is asked to."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.address = base58.b58encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, message: str) -> str:
        return base64.b64encode(self._key.sign(message.encode())).decode()


class Homeowner:
    """Somebody with a browser, an address and a wallet, who joins with the partner `slug`."""

    def __init__(self, slug: str, email: str = "anna@home.example") -> None:
        self.slug, self.email = slug, email
        self.browser = Client()
        self.wallet = Wallet()

    def url(self, page: str = "") -> str:
        return f"/join/{self.slug}/{page}/" if page else f"/join/{self.slug}/"

    def see(self, page: str = "") -> str:
        """Return the HTML of a page of the journey, which has to be there."""
        response = self.browser.get(self.url(page))
        assert response.status_code == 200, (response.status_code, response.headers.get("Location"))
        return response.text

    def send(self, page: str, **fields: Any) -> Any:
        return self.browser.post(self.url(page), fields)

    def at(self) -> str:
        """Return the step that the journey stands at, as the browser is sent there."""
        return self.browser.get(self.url("start"))["Location"].split("/")[-2]

    def enter(self) -> User:
        """Be signed in already, and begin."""
        user, _ = User.objects.get_or_create(username=self.email, email=self.email)
        self.browser.force_login(user)
        self.browser.post(self.url("start"))
        return user

    @property
    def journey(self) -> Journey:
        return Journey.objects.filter(user__email=self.email).latest("created_at")

    def go_to(self, step: str, vendor: str = "solis") -> None:
        """Do what comes before a step."""
        self.enter()
        self.agree(vendor)
        if step == "connect":
            return
        self.connect_with_keys()
        if step == "homes":
            return
        self.choose_all()
        if step == "wallet":
            return
        self.prove_wallet()
        if step == "review":
            self.confirm_place()

    def sign_up(self) -> None:
        """Begin on the welcome page, make an account and type the code that came by mail."""
        self.see()
        begin = {"email": self.email, "next": self.url("start")}
        assert self.browser.post("/accounts/signup/", begin).status_code == 302
        answer = self.browser.post("/accounts/confirm-email/", {"code": self.code(), "next": self.url("start")})
        assert answer["Location"] == self.url("start"), answer.text
        self.browser.get(self.url("start"))

    def code(self) -> str:
        """Return the code in the last mail."""
        found = re.search(r"^[A-Z0-9]{3,}-?[A-Z0-9]{3,}$", str(mail.outbox[-1].body), re.MULTILINE)
        assert found, mail.outbox[-1].body
        return found[0]

    def agree(self, vendor: str, **ticked: str) -> None:
        self.send("brand", vendor=vendor, country="SE")
        self.send("sharing", battery="on", meter="on", **ticked)

    def connect_with_keys(self) -> Any:
        return self.send("connect", **SOLIS_KEYS)

    def choose_all(self) -> Any:
        systems = re.findall(r'name="systems" value="(\d+)"', self.see("homes"))
        return self.send("homes", systems=systems)

    def prove_wallet(self) -> Any:
        """Ask for the words to sign and send the signature, as static/js/wallet.js does."""
        asked = self.browser.post(self.url("wallet/challenge"), {"address": self.wallet.address})
        message = asked.json()["message"]
        signed = {"address": self.wallet.address, "message": message, "signature": self.wallet.sign(message)}
        return self.send("wallet", **signed)

    def confirm_place(self, **changed: str) -> Any:
        place = {**PLACE, "source": "pin", "confirmed": "on", **changed}
        homes = self.journey.chosen.all()
        return self.send("place", **{f"{name}_{home.pk}": value for home in homes for name, value in place.items()})

    def consent_at_the_vendor(self, login: str = "ok") -> Any:
        """Go to the vendor's pages, sign in, agree, and come back; return our answer to that."""
        return self.browser.get(self.answer_of_vendor(self.browser.post(self.url("connect")), login))

    def answer_of_vendor(self, leave: Any, login: str = "ok") -> str:
        """Follow a redirect to the vendor; return the address it sends the browser back to."""
        assert leave.status_code == 302, leave.text
        return consented(leave["Location"], login)


def consented(url: str, login: str = "ok") -> str:
    """Walk the consent page of a stand-in; return the address with which it sends the browser back."""
    http = requests.Session()
    page = http.get(url, timeout=60)
    while page.status_code == 200:
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)
        assert action, page.text
        fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        for name in ("username", "login"):
            if f'name="{name}"' in page.text:
                fields |= {name: login, "password": "any"}
        site = re.search(r'name="site" value="([^"]+)"', page.text) or re.search(
            r'value="([^"]+)" name="site"', page.text
        )
        fields |= {"site": site[1]} if site else {}
        if 'name="decision"' in page.text:
            fields["decision"] = "share" if 'value="share"' in page.text else "approve"
        target = requests.compat.urljoin(page.url, action[1])
        page = http.post(target, fields, timeout=60, allow_redirects=False)
    back = urlsplit(page.headers["Location"])
    return f"{back.path}?{back.query}"
