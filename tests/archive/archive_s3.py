"""An S3 server in this process, for whoever finds it in the environment, as a user's own would be."""

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """Gives the environment in which it is found, with a bucket `footage` and a bucket `results`."""
    import boto3
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "tester",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            # What it holds belongs to the process: an earlier server's objects are still there.
            urllib.request.urlopen(f"{environment['AWS_ENDPOINT_URL']}/moto-api/reset", data=b"").close()
            client = boto3.client("s3")
            for bucket in ("footage", "results"):
                client.create_bucket(Bucket=bucket)
            yield environment
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()


def upload(folder: Path, url: str) -> None:
    """All files of a folder."""
    import fsspec

    files, root = fsspec.core.url_to_fs(url)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files.put_file(str(path), f"{root}/{path.relative_to(folder).as_posix()}")
