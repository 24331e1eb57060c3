"""An archive in an object store, scored by a Ray cluster of two nodes, one of whose workers is killed half-way."""

import pytest
from archive_cluster import cluster, kill_one_worker
from archive_footage import of_video, require_same, scored_in_one_go, write_walk
from archive_s3 import s3_server, upload

from normalcy.archive.reading import read_archive
from normalcy.archive.run import ArchiveOptions, score_archive
from normalcy.engines.opening import open_engine

pytest.importorskip("ray", reason="ray is not installed: pip install 'normalcy[scale]'")

SHORT = 10


@pytest.mark.slow
@pytest.mark.timeout(240)  # a cluster starts a dozen processes
@pytest.mark.filterwarnings("ignore")  # Ray's and botocore's own
def test_a_cluster_that_loses_a_worker_gives_what_one_process_gives(tiny_flow_run, tmp_path, capsys):
    footage = tmp_path / "in"
    for number in range(SHORT):
        write_walk(footage / f"{number}.mp4", 2 + number % 3, seed=number)
    write_walk(footage / "long.mp4", 16, seed=40)
    killed: list[int] = []
    with s3_server(), cluster() as (address, mark):
        upload(footage, "s3://footage")

        def progress(what: str, done: int, total: int) -> None:
            if what.startswith("videos") and done == total // 2 and not killed:
                killed.append(kill_one_worker(mark))

        result = score_archive(
            tiny_flow_run.bundle,
            ["s3://footage/*.mp4"],
            out="s3://results/ray",
            engine=open_engine("ray", workers=2, address=address),
            options=ArchiveOptions(backend="torch", chunk_seconds=5),
            progress=progress,
        )
        tables = read_archive("s3://results/ray")
    assert killed
    assert result.failures == []
    assert (len(result.rows), result.rows["long.mp4"]["chunks"]) == (SHORT + 1, 3)
    assert tables.scores.num_rows == result.summary()["frames"]
    for name in result.rows:
        expected = scored_in_one_go(tiny_flow_run.bundle, footage / name)
        require_same(of_video(tables.scores, name), of_video(tables.events, name), expected)
    assert capsys.readouterr().out == ""
