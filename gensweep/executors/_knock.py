"""Asks a Ray cluster who it is, in a process of its own: Ray's library tries on for minutes, and may end the process it is in.

    python -P _knock.py ADDRESS -> {"address": ..., "is_node": ...} on stdout; what keeps it from that, on stderr

It imports nothing of gensweep: it is a script.
"""

from __future__ import annotations

import json
import os
import sys

from ray._private import services
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.core.generated.gcs_pb2 import GcsNodeInfo

_SECONDS = 10.0


def main(address: str) -> None:
    """Print the address of the cluster's head, and whether this machine is a node of it."""
    if address == "auto":
        named = os.environ.get("RAY_ADDRESS", "")
        is_host = ":" in named and "://" not in named  # as in a job; else it may be that of the jobs' server
        address = named if is_host else services.canonicalize_bootstrap_address_or_die("auto")
    nodes = GcsClient(address=address).get_all_node_info(timeout=_SECONDS)
    alive = {node_id.hex() for node_id, node in nodes.items() if node.state == GcsNodeInfo.GcsNodeState.ALIVE}
    print(json.dumps({"address": address, "is_node": bool(alive & set(services.find_node_ids()))}))


if __name__ == "__main__":
    main(sys.argv[1])
