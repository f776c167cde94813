"""A server that speaks S3, for the tests of one file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.s3_server import S3Server, need_s3fs


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    need_s3fs()
    server = S3Server()
    yield server
    server.close()
