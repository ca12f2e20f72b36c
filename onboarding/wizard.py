"""Walks the steps: which comes next, which may be opened, how far it is."""

from __future__ import annotations

from dataclasses import dataclass

from onboarding.models import Journey
from onboarding.steps import STEPS, Step


@dataclass(frozen=True)
class Progress:
    """A step as the list of steps shows it."""

    step: Step
    done: bool
    current: bool
    reachable: bool


def next_step(journey: Journey) -> Step:
    """Return the first step that is not done, the last one if all are."""
    return next((step for step in STEPS if not step.done(journey)), STEPS[-1])


def may_open(journey: Journey, step: Step) -> bool:
    """Return whether all steps before this one are done."""
    return all(before.done(journey) for before in STEPS[: STEPS.index(step)])


def progress(journey: Journey, current: Step) -> list[Progress]:
    """Return all steps with how they stand, each looked at once."""
    shown, reachable = [], True
    for step in STEPS:
        done = step.done(journey)
        shown.append(Progress(step, done, step is current, reachable))
        reachable = reachable and done
    return shown
