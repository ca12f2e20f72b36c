"""The sandbox as a process of its own: faults as a client sees them, the clock, and memory that outlives a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.clock import Clock
from sandbox.state import State
from tests.sandbox.conftest import Process, SenClient
from tests.sandbox.partner import GATEWAY, Signer, pv

pytestmark = pytest.mark.processes
DATA = "/sen/gw/data/"


def register(sandbox: Process, signer: Signer) -> None:
    assert sandbox.post("/sen/__admin/types", json={"prefix": "acme"}).status_code == 201
    body = {"id": GATEWAY, "public_key": signer.public}
    assert sandbox.post("/sen/__admin/gateways", json=body).status_code == 201


@pytest.fixture
def sandbox(start_sandbox: Callable[..., Process], signer: Signer) -> Process:
    process = start_sandbox()
    register(process, signer)
    return process


@pytest.fixture
def jwt(signer: Signer) -> str:
    return signer.jwt(pv())


def order(sandbox: Process, **fault: Any) -> None:
    assert sandbox.post("/__admin/faults", json={"cloud": "sen", **fault}).status_code == 200


def receipts(sandbox: Process) -> list[int]:
    return [point["receipts"] for point in sandbox.get("/sen/__admin/points")["points"]]


def _wait_until_met(sandbox: Process) -> None:
    deadline = time.monotonic() + 60
    while sandbox.get("/__admin/faults")["faults"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def assert_received_once(sandbox: Process) -> None:
    deadline = time.monotonic() + 60
    while not receipts(sandbox) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert receipts(sandbox) == [1]


def test_a_status_with_headers_and_body_comes_as_often_as_ordered(sandbox: Process, jwt: str) -> None:
    order(sandbox, status=429, headers={"Retry-After": "7"}, body="slow down", times=2)
    for _ in range(2):
        response = sandbox.post(DATA, data=jwt)
        assert (response.status_code, response.headers["Retry-After"], response.text) == (429, "7", "slow down")
    assert receipts(sandbox) == []
    assert sandbox.post(DATA, data=jwt).status_code == 200


def test_junk_comes_with_200(sandbox: Process, jwt: str) -> None:
    order(sandbox, body="<html>maintenance</html>")
    response = sandbox.post(DATA, data=jwt)
    assert (response.status_code, response.text) == (200, "<html>maintenance</html>")
    assert receipts(sandbox) == []


def test_a_delay_outlasts_an_impatient_client_and_the_answer_comes_to_nobody(sandbox: Process, jwt: str) -> None:
    order(sandbox, delay_s=1.5)
    with pytest.raises(requests.ReadTimeout):
        sandbox.post(DATA, data=jwt, timeout=(60, 0.1))
    assert receipts(sandbox) == []
    assert_received_once(sandbox)


def test_a_delay_does_not_hold_up_others(sandbox: Process, jwt: str) -> None:
    order(sandbox, delay_s=30, path="/gw")
    with pytest.raises(requests.ReadTimeout):
        sandbox.post(DATA, data=jwt, timeout=(60, 0.5))
    _wait_until_met(sandbox)
    assert sandbox.post(DATA, data=jwt, timeout=20).status_code == 200


def test_a_reset_is_a_reset_and_nothing_was_done(sandbox: Process, jwt: str) -> None:
    order(sandbox, reset=True)
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        sandbox.post(DATA, data=jwt)
    assert receipts(sandbox) == []
    assert sandbox.post(DATA, data=jwt).status_code == 200
    assert sandbox.stop() == ""


@pytest.mark.parametrize("fault", [{"status": 500}, {"reset": True}, {"delay_s": 1}, {"body": "?", "status": 502}])
def test_after_the_work_only_the_answer_is_lost(sandbox: Process, jwt: str, fault: dict[str, Any]) -> None:
    order(sandbox, after=True, **fault)
    try:
        assert sandbox.post(DATA, data=jwt, timeout=(60, fault.get("delay_s", 60) / 2)).status_code >= 500
    except (requests.ConnectionError, requests.ReadTimeout):
        assert fault.keys() & {"reset", "delay_s"}
    assert_received_once(sandbox)
    assert sandbox.post(DATA, data=jwt).status_code == 200
    assert receipts(sandbox) == [2]
    assert sandbox.get("/sen/__admin/ledger")["conflicts"] == 0


def test_a_fault_meets_only_its_cloud_and_its_path(sandbox: Process, jwt: str) -> None:
    order(sandbox, status=503, path="/gw/data")
    order(sandbox, status=503, cloud="solis")
    assert sandbox.post("/sen/", json={"query": '{gateway{list(wallet:"x"){id}}}'}).status_code == 200
    assert sandbox.get("/sen/__admin/points")["points"] == []
    assert sandbox.post(DATA, data=jwt).status_code == 503
    assert sandbox.post(DATA, data=jwt).status_code == 200
    assert [fault["cloud"] for fault in sandbox.get("/__admin/faults")["faults"]] == ["solis"]
    sandbox.http.delete(sandbox.url + "/__admin/faults")
    assert sandbox.get("/__admin/faults")["faults"] == []


def test_a_fault_leaves_the_admin_calls_alone(sen: SenClient, signer: Signer) -> None:
    sen.http.post("/__admin/faults", json={"cloud": "sen", "status": 503})
    assert sen.points() == []
    assert sen.post(signer.jwt(pv())).status_code == 503


def test_with_a_clock_that_is_behind_a_correct_point_lies_in_the_future(sandbox: Process, signer: Signer) -> None:
    jwt = signer.jwt(pv(int(time.time() * 1000)))
    sandbox.post("/__admin/clock", json={"now": "2026-01-01T00:00:00Z"})
    response = sandbox.post(DATA, data=jwt)
    assert response.status_code == 400
    assert "future" in response.text
    sandbox.http.delete(sandbox.url + "/__admin/clock")
    assert sandbox.post(DATA, data=jwt).status_code == 200


def test_the_clock_starts_where_it_is_told_and_runs_faster(start_sandbox: Callable[..., Process]) -> None:
    sandbox = start_sandbox("--start", "2026-06-21T10:00:00+00:00", "--speed", "3600")
    shown = sandbox.get("/__admin/clock")
    assert shown["now"] > "2026-06-21T10:00:00"
    assert shown["speed"] == 3600
    time.sleep(0.1)
    assert datetime.fromisoformat(sandbox.get("/__admin/clock")["now"]) > datetime.fromisoformat(shown["now"])


def test_what_sen_knows_outlives_a_kill(start_sandbox: Callable[..., Process], tmp_path: Path, signer: Signer) -> None:
    options = ("--state", str(tmp_path / "new" / "sandbox.sqlite3"))
    first = start_sandbox(*options)
    register(first, signer)
    first.post(DATA, data=signer.jwt(pv()))
    banned = Signer()
    first.post(f"/sen/__admin/gateways/{GATEWAY}/keys", json={"public_key": banned.public})
    first.post(f"/sen/__admin/keys/{banned.public}/ban")
    before = (
        first.get("/sen/__admin/points"),
        first.get("/sen/__admin/ledger"),
        first.get(f"/sen/__admin/gateways/{GATEWAY}"),
    )
    first.process.kill()
    first.stop()
    second = start_sandbox(*options)
    after = (
        second.get("/sen/__admin/points"),
        second.get("/sen/__admin/ledger"),
        second.get(f"/sen/__admin/gateways/{GATEWAY}"),
    )
    assert after == before
    assert second.post(DATA, data=signer.jwt(pv())).status_code == 200
    assert second.post(DATA, data=banned.jwt(pv())).status_code == 403
    assert receipts(second) == [2]


def test_lenient_is_an_option_of_the_command_line(start_sandbox: Callable[..., Process], signer: Signer) -> None:
    sandbox = start_sandbox("--lenient")
    register(sandbox, signer)
    assert sandbox.post(DATA, data=signer.jwt({"any": "thing"})).status_code == 200


def test_a_body_in_chunks_is_read_and_one_that_is_too_long_is_413(sandbox: Process, jwt: str) -> None:
    assert sandbox.post(DATA, data=iter([jwt[:50].encode(), jwt[50:].encode()])).status_code == 200
    assert sandbox.post(DATA, data=iter([b"a" * 65536] * 5)).status_code == 413
    assert sandbox.post(DATA, data=b"a" * 300_000).status_code == 413
    assert sandbox.post(DATA, data=jwt).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        [], {}, {"cloud": "sen"}, {"cloud": "sen", "times": 3}, {"cloud": "sen", "after": True},
        {"cloud": "sen", "statsu": 500}, {"cloud": "sen", "status": 500, "pth": "/gw"}, {"status": 500},
    ],
    ids=str,
)  # fmt: skip
def test_a_fault_that_could_have_no_effect_is_400(sen: SenClient, fault: Any) -> None:
    assert sen.http.post("/__admin/faults", json=fault).status_code == 400


@pytest.mark.parametrize("body", [{"now": "noon"}, {"now": 5}, {"speed": "fast"}, []])
def test_a_time_that_is_none_is_400(sen: SenClient, body: Any) -> None:
    assert sen.http.post("/__admin/clock", json=body).status_code == 400


@pytest.mark.parametrize("path", ["/", "/nowhere/x", "/__admin/", "/__admin/fault", "/sen/gw", "/sen/é", "/é/"])
def test_an_unknown_path_is_404(sen: SenClient, path: str) -> None:
    assert sen.http.get(path).status_code == 404


def test_a_path_with_other_letters_reaches_its_cloud_whole(sen: SenClient) -> None:
    assert "unknown gateway zäp" in sen.http.get("/sen/__admin/gateways/zäp").text


def test_the_clock_keeps_its_speed_when_only_the_time_is_set() -> None:
    clock = Clock(datetime(2026, 1, 1, tzinfo=UTC), speed=0)
    assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    clock.set(datetime(2026, 1, 2, tzinfo=UTC), clock.speed)
    assert (clock.now(), clock.speed) == (datetime(2026, 1, 2, tzinfo=UTC), 0)


def test_a_transaction_that_fails_leaves_nothing_and_lets_others_go_on() -> None:
    state = State()
    state.script("CREATE TABLE notes (text TEXT)")
    with pytest.raises(ZeroDivisionError), state:  # noqa: PT012  the transaction is the subject
        state.run("INSERT INTO notes VALUES ('lost')")
        _ = 1 / 0
    with state:
        state.many("INSERT INTO notes VALUES (?)", [["kept"], ["too"]])
    assert [row["text"] for row in state.rows("SELECT text FROM notes")] == ["kept", "too"]
    state.close()
