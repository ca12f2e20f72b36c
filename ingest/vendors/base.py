"""The seam between us and the vendors: what an adapter declares and the few things it does.

`fetch` talks and may not interpret; `normalize` interprets and may not talk. A vendor file imports the modules
`readings`, `vendors.base`, `vendors.http` and `vendors.errors` and nothing else of ours: no Django, no models.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from ingest.readings import DerKey, Kind, Reading
from ingest.vendors.errors import Scope, VendorUnsupported
from ingest.vendors.http import VendorHttp


@dataclass(frozen=True)
class Field:
    """One thing a person pastes to connect an account. Secrets are write-only on every screen."""

    name: str
    label: str
    help_text: str = ""
    secret: bool = True


@dataclass(frozen=True)
class HelpStep:
    """One step on the way to what the form asks for; `picture` is a static file that shows it."""

    text: str
    picture: str = ""


class HeaderForm(enum.StrEnum):
    """What stands in an `X-Authorization-<vendor>` header."""

    KEY = "a bare key"
    BASIC = "Basic and base64"
    BEARER = "Bearer and a token"


@dataclass(frozen=True)
class PassThrough:
    """How callers of our API pass on their own access to a vendor: `X-Authorization-<vendor>` and further headers."""

    form: HeaderForm
    fields: Sequence[str] = ()
    """of the scheme, which the header fills in this order; an access token fills none"""
    further: Sequence[tuple[str, str]] = ()
    """(header, field of the scheme that it fills)"""


@dataclass(frozen=True)
class AuthScheme:
    """One way into a vendor's cloud: what its form asks for and the help beside it.

    `name` stands in credentials and links, so it never changes. Credentials of a partner and accounts of homeowners may
    have different ways at the same vendor.
    """

    name: str
    label: str
    fields: Sequence[Field]
    help_steps: Sequence[HelpStep] = ()
    for_homeowners: bool = True
    """False: it opens more than one home, so only a partner's staff may give it"""
    approved_by_vendor: bool = False
    """True: the vendor looks at each account before it may be read; `VendorAdapter.approval` tells"""
    passed: PassThrough | None = None
    """None: callers of our API cannot pass it through"""


class ApiKey(AuthScheme):
    """One key in a header."""


class KeySecret(AuthScheme):
    """A key id and a secret that signs every request."""


class OAuth2Code(AuthScheme):
    """The partner's application, which the fields describe; each owner consents on the vendor's own pages."""


@dataclass(frozen=True)
class Tokens:
    """What a token endpoint gave for one owner's consent."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    lifetime: timedelta
    """of the access token, from now on"""
    account: str = ""
    """whose consent this is, in the vendor's words; empty where a refresh does not repeat it"""


class Approval(enum.StrEnum):
    """What the vendor says of an account that it has to approve first."""

    PENDING = "pending"
    GRANTED = "granted"
    REJECTED = "rejected"


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


@dataclass(frozen=True)
class Refused:
    """A resource this account may not be asked for while others go on: a right not given, a smaller plan."""

    resource: str
    reason: str


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
    schemes: ClassVar[Sequence[AuthScheme]]
    """the ways in; the first is offered first"""
    policy: ClassVar[PullPolicy]
    resources: ClassVar[Sequence[str]]
    """names `normalize` understands in `Page.resource`, after the vendor's own paths"""
    countries: ClassVar[frozenset[str]] = frozenset()
    """where homeowners have it (ISO 3166-1 alpha-2); empty: everywhere"""
    color: ClassVar[str] = "#5b6472"
    """of its mark in lists of brands"""
    samples: ClassVar[bool] = False
    """whether it tells of instants more than of intervals: then an energy needs the samples around it as well"""
    beta: ClassVar[bool] = False
    approval_every: ClassVar[timedelta] = timedelta(hours=1)
    """how often `approval` is asked"""

    def __init__(
        self,
        *,
        secrets: Mapping[str, str],
        urls: Mapping[str, str],
        http: VendorHttp,
        clock: Callable[[], datetime],
        scheme: str = "",
        account: str = "",
    ) -> None:
        """Take the fields of the scheme; tokens stay with `http`, which puts them into requests with `bearer=True`.

        `account` is the vendor's own id of the account, where its owner's consent told it.
        """
        self.scheme = self.scheme_named(scheme or self.schemes[0].name)
        self.secrets = secrets
        http.hide(*(secrets.get(field.name, "") for field in self.scheme.fields if field.secret))
        self.urls = urls
        self.http = http
        self.clock = clock
        self.account = account

    @classmethod
    def scheme_named(cls, name: str) -> AuthScheme:
        """Return one of the ways in; raise VendorUnsupported for a name that none of them has."""
        for scheme in cls.schemes:
            if scheme.name == name:
                return scheme
        msg = f"{cls.label} has no way in called {name!r}; there are {', '.join(one.name for one in cls.schemes)}."
        raise VendorUnsupported(msg)

    def approval(self) -> Approval:
        """Ask whether the vendor has approved the account, where it does so by hand. Raises VendorError."""
        return Approval.GRANTED

    @abstractmethod
    def systems(self) -> list[VendorSystem]:
        """List what the account can see. Also the test of a credential. Raises VendorError."""

    def describe(self, system: VendorSystem) -> VendorSystem:
        """Return a listed system with zone and DERs, where that takes calls of its own. Raises VendorError."""
        return system

    def described_systems(self) -> list[VendorSystem]:
        """List what the account can see, each with all there is to know. Raises VendorError."""
        return [listed if listed.described else self.describe(listed) for listed in self.systems()]

    @property
    def lists_all(self) -> bool:
        """Whether `systems` tells all there is to know, so that no system is asked for alone."""
        return type(self).describe is VendorAdapter.describe

    @classmethod
    def narrowed(cls, system: VendorSystem, key: DerKey) -> VendorSystem:
        """Return a system as `fetch` needs it to ask for one DER and for as little else as it can."""
        return replace(system, ders=[der for der in system.ders if der.key == key])

    @abstractmethod
    def fetch(self, system: VendorSystem, window: Window) -> Iterator[Page | Refused]:
        """Ask for everything about `system` in `window` (at most `policy.window_cap`). Raises VendorError.

        What this account may not be asked for is yielded as Refused, and the rest goes on.
        """

    @classmethod
    @abstractmethod
    def normalize(cls, system: VendorSystem, page: Page, dropped: Dropped) -> Iterator[tuple[DerKey, Reading]]:
        """Turn a page into readings; bad records go to `dropped`. Raises VendorReplyInvalid for a wrong shape."""


class ConsentAdapter(VendorAdapter):
    """A vendor whose owners can consent on its own pages (OAuth2Code): the verbs of that."""

    @abstractmethod
    def authorize_url(self, *, state: str, redirect_uri: str) -> str:
        """Return the vendor's page where an owner consents; it sends the browser back with `state`."""

    @classmethod
    def state_of(cls, callback: Mapping[str, str]) -> str:
        """Return the `state` that the vendor sent back, "" if there is none."""
        return callback.get("state", "")

    @abstractmethod
    def exchange(self, callback: Mapping[str, str], *, redirect_uri: str) -> Tokens:
        """Turn what the vendor sent the browser back with into tokens.

        Raises VendorConsentDenied if the owner said no, VendorAuthFailed for a code that is not accepted, VendorError.
        """

    @abstractmethod
    def refresh(self, refresh_token: str) -> Tokens:
        """Ask for new tokens. Raises VendorAuthFailed when only a new consent helps, VendorError."""

    @abstractmethod
    def revoke(self, refresh_token: str) -> None:
        """Give the consent back. Raises VendorUnsupported where the vendor has no call for that, VendorError."""

    @abstractmethod
    def test_application(self) -> None:
        """Ask the vendor whether it knows the partner's application. Raises VendorAuthFailed if not, VendorError."""
