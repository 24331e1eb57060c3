"""Workers take no more threads than their share of the cores."""

import os

import threadpoolctl
from archive_footage import write_walk

from normalcy.archive.detector import Detector, limited
from normalcy.scoring.backends.choice import open_backend
from normalcy.scoring.bundle import Bundle
from normalcy.video._pyav import PyAVBackend
from normalcy.video.sources import find_source
from normalcy.video.stretch import Stretch


def test_videos_are_decoded_by_the_share_of_a_worker(tiny_flow_run, tmp_path):
    opened = open_backend(Bundle.load(tiny_flow_run.bundle), "torch")
    source = find_source(write_walk(tmp_path / "walk.mp4", 4))
    # Two at least: one thread conceals damage otherwise than several.
    for threads, expected in ((1, 2), (3, 3)):
        options = Detector(opened, threads=threads).options
        backend = PyAVBackend(source, options)
        stretch = Stretch(source, options, seek=None, ticks=[0], to_end=False)
        for each in (backend, stretch):
            assert each._stream.codec_context.thread_count == expected
            each.close()


def test_numpy_multiplies_in_the_share_of_a_worker(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        with limited(1):
            assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
        found = [
            each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"
        ]
    assert found
    assert set(found) == {1}
