"""The seam between us and the vendors: what an adapter declares and the few things it does.

`fetch` talks and may not interpret; `normalize` interprets and may not talk. A vendor file imports the modules
`readings`, `vendors.base`, `vendors.http` and `vendors.errors` and nothing else of ours: no Django, no models.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ingest.readings import DerKey, Kind, Reading
from ingest.vendors.errors import Scope
from ingest.vendors.http import VendorHttp


@dataclass(frozen=True)
class Field:
    """One thing a person pastes to connect an account. Secrets are write-only on every screen."""

    name: str
    label: str
    help_text: str = ""
    secret: bool = True


@dataclass(frozen=True)
class AuthScheme:
    """How an account is connected: the fields of its form and the help beside them."""

    fields: Sequence[Field]
    help_steps: Sequence[str] = ()


class ApiKey(AuthScheme):
    """One key in a header."""


class KeySecret(AuthScheme):
    """A key id and a secret that signs every request."""


@dataclass(frozen=True)
class Quota:
    """At most `limit` requests per `period`, counted for everything that `scope` covers."""

    limit: int
    period: timedelta
    scope: Scope = Scope.APPLICATION


@dataclass(frozen=True)
class PullPolicy:
    """How a vendor wants to be asked."""

    interval: timedelta
    """between two pulls of a connection"""
    window_cap: timedelta
    """longest window of one fetch"""
    lookback: timedelta
    """read again behind the newest reading: late data still grows there"""
    max_lookback: timedelta
    """how far back a gap is read when a silent system speaks again"""
    first_lookback: timedelta
    """history fetched for a new system"""
    page_budget: int = 100
    """pages of one window before we call it a fault"""
    discover_every: timedelta = timedelta(days=1)
    """how often systems and DERs are listed again"""
    quotas: Sequence[Quota] = ()


@dataclass(frozen=True)
class VendorDer:
    """An energy resource as the vendor describes it."""

    key: DerKey
    name: str = ""
    make: str = ""
    model: str = ""
    rated_power_w: float | None = None
    external_id: str = ""
    """how the vendor's calls name it, where that is not the serial"""


@dataclass(frozen=True)
class VendorSystem:
    """A site, plant or home as the vendor describes it. `timezone` is an IANA name."""

    external_id: str
    name: str = ""
    timezone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None
    ders: Sequence[VendorDer] = ()
    described: bool = True
    """False: the vendor's list tells only that it is there, `describe` tells the rest"""


@dataclass(frozen=True)
class Window:
    """Half-open span of time [start, end), aware."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Page:
    """One reply as it came: which resource was asked for, what it was about, and the parsed body."""

    resource: str
    body: Any
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Dropped:
    """Counts records that could not be true; `normalize` adds to it and goes on."""

    count: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, reason: str) -> None:
        self.count += 1
        if len(self.reasons) < 10:
            self.reasons.append(reason)


class VendorAdapter(ABC):
    """One vendor's cloud, for one connected account."""

    slug: ClassVar[str]
    label: ClassVar[str]
    kinds: ClassVar[frozenset[Kind]]
    base_urls: ClassVar[Mapping[str, str]]
    """host by role, e.g. {"api": "https://…"}; sandbox partners get <sandbox>/<slug>/<role> instead"""
    auth: ClassVar[AuthScheme]
    policy: ClassVar[PullPolicy]
    resources: ClassVar[Sequence[str]]
    """names `normalize` understands in `Page.resource`, after the vendor's own paths"""

    def __init__(
        self, *, secrets: Mapping[str, str], urls: Mapping[str, str], http: VendorHttp, clock: Callable[[], datetime]
    ) -> None:
        self.secrets = secrets
        self.urls = urls
        self.http = http
        self.clock = clock

    @abstractmethod
    def systems(self) -> list[VendorSystem]:
        """List what the account can see. Also the test of a credential. Raises VendorError."""

    def describe(self, system: VendorSystem) -> VendorSystem:
        """Return a listed system with zone and DERs, where that takes calls of its own. Raises VendorError."""
        return system

    def described_systems(self) -> list[VendorSystem]:
        """List what the account can see, each with all there is to know. Raises VendorError."""
        return [listed if listed.described else self.describe(listed) for listed in self.systems()]

    @abstractmethod
    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page]:
        """Ask for everything about `system` in `window` (at most `policy.window_cap`). Raises VendorError."""

    @classmethod
    @abstractmethod
    def normalize(cls, system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        """Turn a page into readings; bad records go to `dropped`. Raises VendorReplyInvalid for a wrong shape."""
