"""Where the trials of a sweep run.

Ray and Tune read these settings when they are imported, so they stand where no file of this package can come before them.
"""

from __future__ import annotations

import os

from gensweep.home import home

SETTINGS = {
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # it would kill trials where others fill the machine; the kernel kills who takes most
    "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",  # 3.11.2 and 3.11.9 understand each other
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "100000000",
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
}

for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)
if home() is None:
    os.environ["HOME"] = "/"  # as containers have it: Ray cannot be imported by a user without any
