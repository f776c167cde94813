"""The executor in this process: the same generator in a plain loop, for debugging, tests and tiny sweeps."""

from __future__ import annotations

import traceback

from gensweep.orchestration.driver import Driver
from gensweep.orchestration.resources import threads
from gensweep.orchestration.signals import graceful
from gensweep.trial import Assignment, Failure, run_trial


def execute(driver: Driver) -> None:
    """Run the driver's trials one after another until it has none left or is asked to stop."""
    import torch

    torch.set_num_threads(threads(driver.sweep.resources))
    device = "cuda" if driver.sweep.resources.gpu else "cpu"
    with graceful(driver.request_stop, at_once=lambda: None):
        while (assignment := driver.next()) is not None:
            _run(driver, assignment, device)


def _run(driver: Driver, assignment: Assignment, device: str) -> None:
    try:
        for report in run_trial(assignment, device):
            if driver.take(report):
                return
    except Exception as error:
        driver.take(Failure(assignment.number, f"{type(error).__name__}: {error}", traceback.format_exc()))
