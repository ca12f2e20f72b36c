"""What SEN's stand-in remembers of posts and points, so that a test can tell lost, once and twice apart."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import SenClient
from tests.sandbox.partner import GATEWAY, NOW_MS, Signer, pv


def test_the_same_bytes_twice_are_one_point_with_two_receipts(sen: SenClient, signer: Signer) -> None:
    jwt = signer.jwt(pv())
    sen.post(jwt)
    received = sen.points()[0]["received"]
    sen.clock.set(sen.clock.now().replace(year=2026), 0)
    assert sen.post(jwt).status_code == 200
    (point,) = sen.points()
    assert (point["receipts"], point["conflicts"], point["latest"]) == (2, 0, None)
    assert point["received"] == received == "2025-06-25T08:40:00.000+00:00"
    assert sen.get("ledger")["duplicates"] == 1


def test_the_order_of_the_fields_makes_no_other_content(sen: SenClient, signer: Signer) -> None:
    data = pv(total_generation_Wh=5)[str(NOW_MS)]
    sen.post(signer.jwt({str(NOW_MS): data}))
    sen.post(signer.jwt({str(NOW_MS): dict(reversed(data.items()))}))
    assert sen.points()[0]["conflicts"] == 0


def test_other_content_under_the_same_key_is_counted_and_the_newest_kept_beside_the_first(
    sen: SenClient, signer: Signer
) -> None:
    for power in (-1, -2, -3):
        assert sen.post(signer.jwt(pv(W=power))).status_code == 200
    (point,) = sen.points()
    assert (point["receipts"], point["conflicts"]) == (3, 2)
    assert (point["data"]["W"], point["latest"]["W"]) == (-1, -3)
    totals = sen.get("ledger")
    assert (totals["points"], totals["duplicates"], totals["conflicts"]) == (1, 2, 2)


def test_another_serial_or_gateway_is_another_point(sen: SenClient, signer: Signer) -> None:
    sen.admin("gateways", id="acme-02", public_key=signer.public)
    for header in ({}, {"sn": "PV2"}, {"device": "acme-02"}):
        assert sen.post(signer.jwt(pv(), **header)).status_code == 200
    assert [(point["device"], point["sn"], point["receipts"]) for point in sen.points()] == [
        (GATEWAY, "PV1", 1),
        (GATEWAY, "PV2", 1),
        ("acme-02", "PV1", 1),
    ]


def test_a_refused_post_leaves_no_point_but_its_reason(sen: SenClient, signer: Signer) -> None:
    sen.post(signer.jwt(pv(W=5)))
    sen.post(Signer().jwt(pv()))
    totals = sen.get("ledger")
    assert (totals["points"], totals["posts"]) == (0, {"400": 1, "401": 1})
    newest, before = totals["rejections"]
    assert (newest["status"], newest["device"]) == (401, GATEWAY)
    assert "W of a pv is out of range: 5" in before["reason"]


def batch(count: int, **fields: Any) -> dict[str, Any]:
    return {key: data for step in range(count) for key, data in pv(NOW_MS - step * 1000, **fields).items()}


def test_more_than_60_points_or_64_kib_are_accepted_with_a_warning(sen: SenClient, signer: Signer) -> None:
    assert sen.post(signer.jwt(batch(60))).status_code == 200
    assert sen.get("ledger")["warnings"] == []
    assert sen.post(signer.jwt(batch(61))).status_code == 200
    assert sen.post(signer.jwt(pv(make="x" * 64 * 1024))).status_code == 200
    newest, before = sen.get("ledger")["warnings"]
    assert before["warning"].startswith("61 points")
    assert newest["bytes"] > 64 * 1024


def test_points_come_in_pages_and_by_device_and_serial(sen: SenClient, signer: Signer) -> None:
    sen.post(signer.jwt(pv(), sn="PV2"))
    sen.post(signer.jwt(batch(1500)))
    first = sen.get(f"points?device={GATEWAY}&sn=PV1")
    second = sen.get(f"points?device={GATEWAY}&sn=PV1&after={first['next']}")
    assert (len(first["points"]), len(second["points"]), second["next"]) == (1000, 500, None)
    assert len({point["ts"] for point in first["points"] + second["points"]}) == 1500
    assert len(sen.get("points?sn=PV2")["points"]) == 1
    assert sen.get("points?device=acme-none") == {"points": [], "next": None}


@pytest.mark.parametrize("query", ["after=x", "after=-1", "devise=acme-01"])
def test_a_question_for_points_that_is_misspelled_is_400(sen: SenClient, query: str) -> None:
    assert sen.http.get(f"/sen/__admin/points?{query}").status_code == 400


def test_people_see_gateways_points_and_posts_and_no_markup_of_others(sen: SenClient, signer: Signer) -> None:
    sen.post(signer.jwt(pv(make="<script>"), sn="<b>PV1</b>"))
    sen.post(signer.jwt(pv(W=5)))
    page = sen.http.get("/sen/")
    assert page.content_type.startswith("text/html")
    for text in (
        GATEWAY,
        "&lt;b&gt;PV1",
        "1 points of 1 gateways",
        "W of a pv is out of range",
        "2025-06-25 08:40:00 UTC",
    ):
        assert text in page.text
    assert "<script>" not in page.text


def test_the_page_of_an_empty_sen_says_so() -> None:
    sen = SenClient()
    assert "None yet" in sen.http.get("/sen/").text
    sen.state.close()
