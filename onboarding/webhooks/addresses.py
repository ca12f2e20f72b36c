"""Where webhooks may go: https and public addresses alone; for sandbox partners also http and their own machine.

A partner names any host it likes, and its name server says what it likes, something else each time. So a name is looked
up once for each request, every address it has is checked, and the request goes to those and to no others (`posting`).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError

PATIENCE_S = 5.0
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*")
_CHARACTERS = re.compile(r"[!-~]+")
_PORTS = {"https": 443, "http": 80}
_FIRST_FREE_PORT = 1024  # below it are services of the system, which no webhook is
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")  # RFC 6890; a cloud has the keys of its machines at 192.0.0.192
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")  # RFC 8215: how they are embedded is a network's own choice

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):
    """Nothing may be sent there."""


@dataclass(frozen=True)
class Site:
    """The site of a webhook's address."""

    host: str
    port: int


def check_url(url: str, *, sandbox: bool) -> Site:
    """Return the site of an address that is exactly one and may be a webhook's. Raises ValidationError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError as error:
        msg = "This is no address of a page."
        raise ValidationError(msg) from error
    if not _CHARACTERS.fullmatch(url) or set("\\#<>\"'") & set(url) or "@" in parts.netloc:
        msg = "The address is one line of ASCII, without user name, # and quotes; other letters as %C3%A5 or xn--."
        raise ValidationError(msg)
    if parts.scheme not in ({"https", "http"} if sandbox else {"https"}) or not url.startswith(f"{parts.scheme}://"):
        msg = "The address begins with https://; http:// is for sandbox partners."
        raise ValidationError(msg)
    if not _is_host(host):
        msg = "The address needs the name of your site, as it is."
        raise ValidationError(msg)
    if port != _PORTS[parts.scheme] and port < _FIRST_FREE_PORT:
        msg = f"The port is {_PORTS[parts.scheme]}, or {_FIRST_FREE_PORT} and above."
        raise ValidationError(msg)
    return Site(host, port)


def resolve(site: Site, *, sandbox: bool, within_s: float = PATIENCE_S) -> tuple[str, ...]:
    """Look a site up, once, and return its addresses. Raises AddressRefused if one of them is not public.

    The system's resolver takes no time-out: a look-up that is late goes on alone, and nobody waits for it.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="look-up")
    try:
        found = pool.submit(socket.getaddrinfo, site.host, site.port, type=socket.SOCK_STREAM).result(within_s)
    except TimeoutError as error:
        msg = "The name servers did not answer in time."
        raise AddressRefused(msg) from error
    except (OSError, UnicodeError) as error:
        msg = f"{site.host} is not known to the name servers."
        raise AddressRefused(msg) from error
    finally:
        pool.shutdown(wait=False)
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses or not all(_may_be_reached(ipaddress.ip_address(one), sandbox) for one in addresses):
        msg = f"{site.host} has an address that is not public: nothing is sent there."
        raise AddressRefused(msg)
    return addresses


def is_public(address: Address) -> bool:
    """Return whether an address is one of the internet, and does not stand for an IPv4 address that is none."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not (address.is_multicast or address.is_reserved or address in _PROTOCOLS)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(address.packed[-4:]))
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_site_local:
        # Also IPv4-mapped addresses (::ffff:0:0/96) and Teredo's (2001::/32), whatever is in them.
        return False
    return address not in _NAT64_LOCAL and (address.sixtofour is None or is_public(address.sixtofour))


def _may_be_reached(address: Address, sandbox: bool) -> bool:  # noqa: FBT001
    # A sandbox partner's own machine is this one where the portal runs on a laptop. Where it is served to many, what
    # listens on loopback is none of a partner's business, whatever its environment.
    return is_public(address) or (sandbox and address.is_loopback and not settings.HTTPS)


def _is_host(host: str) -> bool:
    """Tell names and addresses in their usual form from what programs read differently, such as 127.1 and 0x7f.1."""
    if "%" in host:  # a zone of this machine's own network
        return False
    if ":" not in host and not host.rpartition(".")[2][:1].isdigit():
        return _NAME.fullmatch(host) is not None
    try:
        return str(ipaddress.ip_address(host)) == host
    except ValueError:
        return False
