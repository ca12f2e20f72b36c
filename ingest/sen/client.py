"""Posts signed messages to SEN over kept-alive connections, many at a time. The only module that knows pycurl.

Messages come in lanes, one a gateway. A lane is a generator: it yields a JWT, is sent SEN's Answer, and decides itself
whether to yield the next one. So a gateway's messages leave one after the other while lanes run side by side.
"""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass

import certifi
import pycurl

from ingest.sen.errors import Answer

Lane = Generator[bytes, Answer, None]

CONCURRENCY = 32
TIMEOUT_MS = 5000
_KEEP_BODY = 500


@dataclass(slots=True)
class _Slot:
    """One reusable curl handle and the lane it works for."""

    curl: pycurl.Curl
    body: io.BytesIO
    lane: Lane | None = None


class Poster:
    """Posts to one URL. Keeps its connections between calls; belongs to one thread."""

    def __init__(
        self, url: str, *, user_agent: str, proxy: str = "", ca_bundle: str = "", concurrency: int = CONCURRENCY
    ) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, concurrency)
        # Else curl keeps four times as many as are busy at the moment, and closes most of them when a batch ends.
        self._multi.setopt(pycurl.M_MAXCONNECTS, concurrency)
        self._idle = [_slot(url, user_agent, proxy, ca_bundle or certifi.where()) for _ in range(concurrency)]

    def run(self, lanes: Iterable[Lane], *, until: float) -> None:
        """Drive the lanes to their ends; after `until` (time.monotonic) no new message is started.

        Lanes that had no turn are closed untouched. Network errors reach the lane as an Answer without a status.
        """
        waiting: deque[Lane] = deque(lanes)
        busy: dict[pycurl.Curl, _Slot] = {}
        try:
            while waiting or busy:
                while waiting and self._idle and time.monotonic() < until:
                    self._start(waiting.popleft(), None, busy)
                if not busy:
                    break
                self._multi.perform()
                self._finish(busy, until)
                if busy:
                    self._multi.select(0.1)
        finally:
            self._give_up(waiting, busy)

    def _give_up(self, waiting: Iterable[Lane], busy: dict[pycurl.Curl, _Slot]) -> None:
        """Close what had no turn and, when a lane or the worker's end broke the run, what is on the wire."""
        for lane in waiting:
            lane.close()
        for slot in busy.values():
            self._multi.remove_handle(slot.curl)
            slot.lane = None
            slot.body.seek(0)
            slot.body.truncate()
            self._idle.append(slot)

    def _start(self, lane: Lane, answer: Answer | None, busy: dict[pycurl.Curl, _Slot]) -> None:
        """Take the lane's next message, if it has one, and put it on the wire."""
        try:
            message = next(lane) if answer is None else lane.send(answer)
        except StopIteration:
            return
        slot = self._idle.pop()
        slot.lane = lane
        slot.curl.setopt(pycurl.POSTFIELDS, message)
        busy[slot.curl] = slot
        self._multi.add_handle(slot.curl)

    def _finish(self, busy: dict[pycurl.Curl, _Slot], until: float) -> None:
        """Hand answers to their lanes; each lane goes on at once if there is time."""
        more = True
        while more:
            queued, good, bad = self._multi.info_read()
            more = queued > 0
            for curl in good:
                self._answered(busy.pop(curl), _answer(curl), busy, until)
            for curl, _code, text in bad:
                self._answered(
                    busy.pop(curl), Answer(None, error=text, duration_s=curl.getinfo(pycurl.TOTAL_TIME)), busy, until
                )

    def _answered(self, slot: _Slot, answer: Answer, busy: dict[pycurl.Curl, _Slot], until: float) -> None:
        self._multi.remove_handle(slot.curl)
        if slot.body.tell():
            answer.body = slot.body.getvalue()[:_KEEP_BODY]
            slot.body.seek(0)
            slot.body.truncate()
        lane, slot.lane = slot.lane, None
        self._idle.append(slot)
        assert lane is not None  # noqa: S101  a busy slot has a lane
        if time.monotonic() < until:
            self._start(lane, answer, busy)
        else:
            _tell_last(lane, answer)


def _tell_last(lane: Lane, answer: Answer) -> None:
    """Give a lane its answer when there is no time for another message."""
    try:
        lane.send(answer)
    except StopIteration:
        return
    lane.close()


def _answer(curl: pycurl.Curl) -> Answer:
    status = curl.getinfo(pycurl.RESPONSE_CODE)
    duration = curl.getinfo(pycurl.TOTAL_TIME)
    if status == 200:
        return Answer(200, duration_s=duration)
    return Answer(status, retry_after_s=float(curl.getinfo(pycurl.RETRY_AFTER)) or None, duration_s=duration)


def _slot(url: str, user_agent: str, proxy: str, ca_bundle: str) -> _Slot:
    curl, body = pycurl.Curl(), io.BytesIO()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.HTTPHEADER, ["Content-Type: text/plain", f"User-Agent: {user_agent}", "Expect:", "Accept: */*"])
    curl.setopt(pycurl.WRITEDATA, _Capped(body))
    curl.setopt(pycurl.PROXY, proxy)  # empty: none, also when the environment names one
    curl.setopt(pycurl.CAINFO, ca_bundle)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, TIMEOUT_MS)
    curl.setopt(pycurl.TIMEOUT_MS, TIMEOUT_MS)
    curl.setopt(pycurl.TCP_NODELAY, 1)
    curl.setopt(pycurl.NOSIGNAL, 1)
    return _Slot(curl, body)


class _Capped:
    """Keeps the first bytes of a body as evidence and drops the rest, however long it is."""

    def __init__(self, body: io.BytesIO) -> None:
        self._body = body

    def write(self, data: bytes) -> int:
        if self._body.tell() < _KEEP_BODY:
            self._body.write(data)
        return len(data)
