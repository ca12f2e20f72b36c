"""What vendors and SEN refuse, as problems: each says whose fault it is and what to do."""

from __future__ import annotations

import pytest

from gateways.rest.problems import problem_of
from ingest.sen import errors as sen
from ingest.vendors import errors as vendors

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "error,slug,status,fault",
    [
        (vendors.VendorUnavailable("HTTP 503"), "vendor-unavailable", 502, "network"),
        (vendors.VendorThrottled("slow down", retry_after=90.2), "vendor-throttled", 503, "vendor"),
        (vendors.VendorAuthFailed("HTTP 401"), "vendor-auth-failed", 403, "owner"),
        (vendors.VendorConsentDenied("no"), "vendor-consent-denied", 403, "owner"),
        (vendors.VendorReplyInvalid("not JSON"), "vendor-reply-invalid", 502, "vendor"),
        (vendors.VendorUnsupported("no battery"), "vendor-unsupported", 422, "us"),
        (vendors.VendorError("?"), "vendor-failed", 502, "vendor"),
        (sen.SenUnavailable("HTTP 500"), "sen-unavailable", 502, "network"),
        (sen.SenThrottled("HTTP 429"), "sen-throttled", 503, "network"),
        (sen.SenUnauthorized("HTTP 401"), "sen-unauthorized", 409, "us"),
        (sen.SenRefused("HTTP 400"), "sen-refused", 422, "us"),
    ],
)
def test_an_error_says_whose_it_is_and_what_to_do(error, slug, status, fault):
    problem = problem_of(error)
    assert problem is not None
    assert (problem.slug, problem.status, problem.fault) == (slug, status, fault)
    assert problem.detail == f"{error}. {error.next_step}"


def test_a_vendors_limit_is_told_with_the_wait_and_apart_from_ours():
    problem = problem_of(vendors.VendorThrottled("slow down", retry_after=90.2))
    assert problem is not None
    assert problem.headers == {"Retry-After": "91"}
    assert problem.slug != "rate-limited"


def test_every_class_of_error_is_told():
    classes = [*_below(vendors.VendorError), *_below(sen.SenError)]
    made = [cls("x", retry_after=1) if cls is vendors.VendorThrottled else cls("x") for cls in classes]
    slugs = [problem.slug for error in made if (problem := problem_of(error))]
    assert len(set(slugs)) == len(slugs) == 10
    assert not {"vendor-failed", "sen-failed"} & set(slugs)


def _below(cls):
    return [below for below in cls.__subclasses__() if below.__module__.startswith("ingest")]
