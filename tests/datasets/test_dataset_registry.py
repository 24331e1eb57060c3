import importlib.util
import subprocess
import sys

import pytest

from normalcy.datasets import dataset_info, dataset_names, open_dataset
from normalcy.errors import ConfigError, DatasetIncomplete


def test_names():
    of_normal_video = ["walkway", "folder", "ucsd-ped1", "ucsd-ped2", "avenue", "shanghaitech"]
    of_classes = ["class-folder", "surveillance-fight", "ucf-crime", "ucf-crime-detection"]
    assert dataset_names() == [*of_normal_video, *of_classes]


@pytest.mark.parametrize("name", dataset_names())
def test_every_dataset_can_be_opened_and_checked(name, tmp_path):
    if name == "walkway" and importlib.util.find_spec("normalcy.datasets.walkway.dataset") is None:
        pytest.skip("the generated scene is not there yet")
    dataset = open_dataset(name, tmp_path)
    info = dataset_info(name)
    assert info.name == name
    assert all((info.title, info.home, info.terms))
    assert dataset.root == tmp_path
    report = dataset.check()
    assert not report.complete
    assert (report.info, report.root) == (info, tmp_path)


@pytest.mark.parametrize(
    ("name", "near"), [("ucsd-ped3", "ucsd-ped"), ("Avenue", "avenue"), ("shanghai", "shanghaitech")]
)
def test_unknown_name_names_the_nearest(name, near):
    with pytest.raises(ConfigError, match=rf"unknown dataset '{name}'\. Did you mean '{near}"):
        dataset_info(name)


def test_unknown_name_far_from_all():
    with pytest.raises(ConfigError, match=r"unknown dataset 'qqq'\. Known are walkway, folder"):
        open_dataset("qqq", None)


def test_root_that_is_no_folder(tmp_path):
    with pytest.raises(DatasetIncomplete, match=r"nowhere: no such folder\. CUHK Avenue: http"):
        open_dataset("avenue", tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(DatasetIncomplete, match="file: is not a folder"):
        open_dataset("avenue", tmp_path / "file")


def test_names_need_no_heavy_import():
    code = (
        "import sys; from normalcy.datasets import dataset_names; dataset_names(); "
        "print(*{'numpy', 'cv2', 'scipy', 'torch', 'av'} & sys.modules.keys())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


def test_loaders_need_no_torch():
    code = (
        "import sys; from normalcy.datasets import dataset_info; "
        "[dataset_info(n) for n in ('folder', 'ucsd-ped2', 'avenue', 'shanghaitech')]; "
        "import normalcy.datasets.cache, normalcy.datasets.splits; print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
