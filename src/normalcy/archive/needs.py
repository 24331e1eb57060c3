"""What archives need that is installed on demand."""

from importlib.util import find_spec

from normalcy.errors import MissingPackage


def require(*packages: str) -> None:
    """Raises MissingPackage where one of them is not installed."""
    for package in packages:
        if find_spec(package) is None:
            raise MissingPackage(f"{package} is not installed", hint="pip install 'normalcy[scale]'")
