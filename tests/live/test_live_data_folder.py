"""The data folder: nobody else reads it, and no other engine uses it."""

import stat

import pytest

from normalcy.errors import RunFolderBusy
from normalcy.live.data_folder import alone_in, claimed


def test_a_new_folder_is_for_its_owner_alone_and_one_that_is_there_stays_as_it_is(tmp_path):
    claimed(tmp_path / "sites" / "yard").release()
    assert stat.S_IMODE((tmp_path / "sites" / "yard").stat().st_mode) == 0o700
    (tmp_path / "shared").mkdir(mode=0o750)
    before = (tmp_path / "shared").stat().st_mode
    claimed(tmp_path / "shared").release()
    assert (tmp_path / "shared").stat().st_mode == before
    assert (tmp_path / "shared" / "media").is_dir()


def test_who_comes_second_is_told(tmp_path):
    with alone_in(tmp_path), pytest.raises(RunFolderBusy, match="another engine is running here"):
        claimed(tmp_path)
    claimed(tmp_path).release()
