"""POST /gw/data/: one JWT a request, its checks in the order of sen.md 13."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from werkzeug.wrappers import Request, Response

from sandbox.sen import crypto, shapes
from sandbox.sen.envelope import Envelope, open_envelope, read_json
from sandbox.sen.ledger import Ledger, Post
from sandbox.sen.refusal import Refused
from sandbox.sen.registry import Registry
from sandbox.server import World

MAX_BYTES = 256 * 1024
MAX_AHEAD = timedelta(minutes=5)
# What a client should keep to; SEN accepts more and notes it.
GOOD_BYTES, GOOD_POINTS = 64 * 1024, 60


class Ingress:
    """Accepts data JWTs; lenient, it takes whatever verifies, which is all that the firmware lets one see of SEN."""

    def __init__(self, world: World, registry: Registry, ledger: Ledger) -> None:
        self._clock, self._registry, self._ledger = world.clock, registry, ledger
        self._strict = not world.options.get("lenient")

    def __call__(self, request: Request) -> Response:
        """Answer 200 with an empty body, or the status and the reason of a refusal."""
        post, points = Post("data"), {}
        try:
            points = self._accept(request, post)
        except Refused as refusal:
            post.status, post.reason = refusal.status, str(refusal)
        self._ledger.record(post, points)
        return Response(post.reason or "", post.status, content_type="text/plain; charset=utf-8")

    def _accept(self, request: Request, post: Post) -> dict[int, Any]:
        body = request.get_data()  # all of it: who is refused in the middle of sending sees no answer, only a reset
        post.size = len(body)
        if post.size > MAX_BYTES:
            raise Refused(413, f"more than {MAX_BYTES} bytes")
        envelope = open_envelope(body, strict=self._strict)
        post.device, post.sn, post.dtype = (
            envelope.header["device"],
            envelope.header["sn"],
            str(envelope.header.get("dtype")),
        )
        post.public_key = self._signer(envelope, post.device)
        points = self._points(envelope, post.dtype) if self._strict else _whatever(envelope)
        if post.size > GOOD_BYTES or len(points) > GOOD_POINTS:
            post.warning = f"{len(points)} points in {post.size} bytes; keep to {GOOD_POINTS} and {GOOD_BYTES}"
        return points

    def _signer(self, envelope: Envelope, device: str) -> str:
        """Return the public key that the signature verifies with. Raises Refused(401), or (403) for a banned key."""
        keys = self._registry.keys_of(device)
        if not keys:
            raise Refused(401, f"unknown device {device}")
        if all(keys.values()):
            raise Refused(403, f"the key of {device} is banned")
        signer = next((key for key in keys if crypto.verifies(key, envelope.signature, envelope.signed)), None)
        if signer is None:
            raise Refused(401, "the signature does not verify")
        if keys[signer]:
            raise Refused(403, f"the key of {device} that signed this is banned")
        return signer

    def _points(self, envelope: Envelope, dtype: str) -> dict[int, Any]:
        payload = read_json(envelope.payload, "payload")
        if not isinstance(payload, dict) or not payload:
            raise Refused(400, "the payload is not an object with something in it")
        for key, data in payload.items():
            if not re.fullmatch(r"[0-9]{13}", key):
                raise Refused(400, f"the key {key} is not Unix milliseconds")
            if wrong := shapes.problem(dtype, int(key), data):
                raise Refused(400, f"{key}: {wrong}")
        latest = (self._clock.now() + MAX_AHEAD).timestamp() * 1000
        if ahead := [key for key in payload if int(key) > latest]:
            raise Refused(400, f"{max(ahead)} lies more than 5 minutes in the future")
        return {int(key): data for key, data in payload.items()}


def _whatever(envelope: Envelope) -> dict[int, Any]:
    """Return what can be told apart as points; a signed payload of any other form is accepted and not kept."""
    try:
        payload = read_json(envelope.payload, "payload")
    except Refused:
        return {}
    points = payload.items() if isinstance(payload, dict) else ()
    return {int(key): data for key, data in points if re.fullmatch(r"[0-9]{1,18}", key)}
