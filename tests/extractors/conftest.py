"""Features are looked at through the metrics that use them, so what those tests share serves here too."""

from tests.metrics.conftest import own_cache

__all__ = ["own_cache"]
