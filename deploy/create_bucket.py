"""Create the artifact bucket that is named on the command line; run again, it changes nothing."""

import os
import sys

import boto3


def main(name: str) -> None:
    """Ask for the bucket; one that is already ours is what we wanted."""
    s3 = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    try:
        s3.create_bucket(Bucket=name)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        print(f"bucket {name}: already there")
    else:
        print(f"bucket {name}: created")


if __name__ == "__main__":
    main(sys.argv[1])
