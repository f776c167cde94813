"""Create the user that is named on the command line, with its experiment; run again, it changes no more than the password."""

import os
import sys
from collections.abc import Callable

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.server import get_app_client

EXPERIMENT = "gensweep"


def main(name: str) -> None:
    """As admin: the user, the experiment that gensweep looks for, and the one's right to the other."""
    uri, password = os.environ["MLFLOW_TRACKING_URI"], os.environ["MLFLOW_SWEEP_PASSWORD"]
    os.environ |= {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": os.environ["MLFLOW_ADMIN_PASSWORD"]}
    users, runs = get_app_client("basic-auth", tracking_uri=uri), MlflowClient(tracking_uri=uri)
    if not is_new(lambda: users.create_user(name, password)):
        users.update_user_password(name, password)
    found = runs.get_experiment_by_name(EXPERIMENT)
    experiment = found.experiment_id if found else runs.create_experiment(EXPERIMENT)
    is_new(lambda: users.grant_user_permission(name, "experiment", experiment, "MANAGE"))
    print(f"user {name}: may write to experiment {EXPERIMENT} ({experiment})")


def is_new(create: Callable[[], object]) -> bool:
    """Create something; whether it was not there before."""
    try:
        create()
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1])
