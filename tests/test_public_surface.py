"""What the package offers by name, and how little it takes to import it or to ask for help."""

import json
import subprocess
import sys

import pytest

import normalcy

PUBLIC = {
    "Bundle",
    "ClipSpec",
    "Event",
    "Frame",
    "FrameScore",
    "NormalcyError",
    "ReadOptions",
    "__version__",
    "open_dataset",
    "open_video",
}
HEAVY = {"torch", "lightning", "cv2", "av", "numpy", "scipy", "sklearn", "pyarrow", "matplotlib"}

LIST_MODULES = """
import json, sys
try:
    {statement}
except SystemExit:
    pass
print("\\n" + json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def test_the_public_names_are_this_list():
    assert set(normalcy.__all__) == set(dir(normalcy)) == PUBLIC
    for name in PUBLIC:
        assert getattr(normalcy, name) is not None


def test_public_names_are_what_their_modules_call_so():
    from normalcy.errors import NormalcyError
    from normalcy.scoring.bundle import Bundle
    from normalcy.video.reader import open_video

    assert (normalcy.NormalcyError, normalcy.Bundle, normalcy.open_video) == (
        NormalcyError,
        Bundle,
        open_video,
    )


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="module 'normalcy' has no attribute 'Bundel'"):
        _ = normalcy.Bundel


@pytest.mark.parametrize(
    "statement",
    [
        "import normalcy",
        "import normalcy; normalcy.NormalcyError",
        "from normalcy.cli.main import main; main(['--help'])",
        "from normalcy.cli.main import main; main(['fit', '--help'])",
        "from normalcy.cli.main import main; main(['data', 'synthesize', '--help'])",
        "from normalcy.cli.main import main; main(['--version'])",
        "from normalcy.cli.main import main; main(['fitt'])",
    ],
)
def test_nothing_heavy_is_imported(statement):
    code = LIST_MODULES.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(json.loads(done.stdout.splitlines()[-1])) == set()
