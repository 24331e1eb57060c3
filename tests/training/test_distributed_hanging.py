"""A process that hangs where no error reaches it ends with the error of the one that failed."""

import pytest
from launched import under_srun

SCRIPT = """
import os, threading, time
from normalcy.errors import NonFiniteLoss
from normalcy.training.distributed import watching
from normalcy.training.distributed.group import Place
from normalcy.training.distributed.joining import joined, met_by_environment

watching.LOOK_SECONDS, watching.GRACE_SECONDS, watching.LAST_SECONDS = 0.1, 0.3, 0.5
os.environ["MASTER_ADDR"] = "127.0.0.1"
rank = int(os.environ["SLURM_PROCID"])
place = Place(rank, 2, rank, 2)
with joined(place, met_by_environment(place)) as group:
    group.wait()
    if group.is_first:
        time.sleep(250)  # as in an exchange by NCCL, no Python code runs
    raise NonFiniteLoss("the loss became nan", where="epoch 3")
"""


TRACED = "threading.settrace(lambda *_: None)\n"
"""As coverage and debuggers do."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("is_traced", [False, True])
def test_a_hanging_process_ends_with_the_line_and_the_code_of_the_error_elsewhere(is_traced):
    imports, _, rest = SCRIPT.partition("\nwatching.LOOK")
    script = f"{imports}\n{TRACED if is_traced else ''}watching.LOOK{rest}"
    first, second = under_srun(["-c", script])
    assert "NonFiniteLoss: epoch 3: the loss became nan" in second.stderr
    assert first.returncode == 5
    assert [line for line in first.stderr.splitlines() if "loss" in line] == [
        "Error: epoch 3: the loss became nan"
    ]
