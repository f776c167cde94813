"""An S3-compatible store of its own: SeaweedFS, as a process of this machine that can be killed and started again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

BUCKET = "sweeps"
NO_S3FS = "s3fs is missing: pip install 'gensweep[s3]'"


def free_port() -> int:
    """A free port below 32768 - 10000: SeaweedFS listens on each of its ports and on that port + 10000."""
    import random

    while True:
        port = random.SystemRandom().randrange(11000, 22000)
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10000))
            return port


class S3Server:
    """A server with one bucket, whose key and secret are in `environment`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gensweep-s3-"))
        self.key, self.secret = "a-key", "a-secret-of-the-test"
        self._admin = ("an-admin", "another-secret-of-the-test")
        self.ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
        self._process: subprocess.Popen[bytes] | None = None
        (self.folder / "data").mkdir()
        rights = [f"{right}:{BUCKET}" for right in ("Read", "Write", "List")]
        who = {(self.key, self.secret): rights, self._admin: ["Admin", "Read", "Write", "List"]}
        users = [
            {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
            for (key, secret), actions in who.items()
        ]
        (self.folder / "users.json").write_text(json.dumps({"identities": users}))
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.ports['s3']}",
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def url(self) -> str:
        """A prefix in its bucket."""
        return f"s3://{BUCKET}/some/prefix"

    def start(self) -> None:
        """Start it, with what it held before."""
        weed = Path(sys.executable).parent / "weed"
        command = [str(weed), "server", f"-dir={self.folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
                   f"-s3.config={self.folder / 'users.json'}", "-volume.max=20", "-master.volumeSizeLimitMB=64",
                   "-s3.port.iceberg=0", "-s3.port.lance=0",  # of which a second server would find the ports taken
                   *(f"-{name}.port={port}" for name, port in self.ports.items())]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + 90
        while not self._answers():
            assert time.monotonic() < until, (self.folder / "log").read_text(errors="replace")[-3000:]
            time.sleep(0.2)

    def _answers(self) -> bool:
        """Whether a bucket can be made, or is there, and written."""
        import boto3
        from botocore.config import Config

        client = boto3.client(
            "s3", endpoint_url=self.environment["AWS_ENDPOINT_URL"], aws_access_key_id=self._admin[0],
            aws_secret_access_key=self._admin[1], region_name="us-east-1",
            config=Config(retries={"max_attempts": 1}, connect_timeout=1, read_timeout=5),
        )  # fmt: skip
        try:
            with contextlib.suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="is-up", Body=b"yes")
        except Exception:
            return False
        return True

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it and delete what it held."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def need_s3fs() -> None:
    """Skip where the package is missing."""
    pytest.importorskip("s3fs", reason=NO_S3FS)
