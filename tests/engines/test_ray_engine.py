"""What the engine of Ray Data does by itself; the tests of archives give it a cluster."""

import pickle
import sys
import threading

import pytest
from engine_jobs import Squares, Unopened

pytest.importorskip("ray", reason="ray is not installed: pip install 'normalcy[scale]'")


def test_what_threads_of_ray_print_is_not_in_what_is_piped(capsys):
    from normalcy.engines.ray import _without_words_of_ray

    before = sys.stdout
    with _without_words_of_ray():
        for name in ("ray_listen_error_messages", "mine"):
            thread = threading.Thread(target=print, args=(f"by {name}",), name=name)
            thread.start()
            thread.join()
        print("by main")
    assert sys.stdout is before
    assert capsys.readouterr().out == "by mine\nby main\n"


def test_a_worker_gives_up_what_others_died_of(tmp_path):
    from normalcy.engines.ray import _Actor

    actor = _Actor(pickle.dumps(Unopened()), tries=None)
    refused = actor._answer(pickle.dumps(3), tries=1)
    assert refused.refusal is not None
    assert refused.refusal.kind == "BundleError"
    actor = _Actor(pickle.dumps(Squares(tmp_path)), tries=None)
    assert pickle.loads(actor._answer(pickle.dumps(3), tries=3).result)[0] == 9
    assert actor._answer(pickle.dumps(3), tries=4).error.startswith("each of 3 workers that tried died")
