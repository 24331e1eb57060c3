"""What each of several processes takes of a batch, and how they meet and fail, without starting any."""

import subprocess
import sys
import time
from datetime import timedelta

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from normalcy.errors import ConfigError, NonFiniteLoss, TrainingError
from normalcy.layers import spread_batch
from normalcy.layers.spread_batch import Dropout, Part, normal_like, working_on
from normalcy.layers.synced_batch_norm import SyncedBatchNorm2d, plain, synced
from normalcy.training.clips import EpochSampler
from normalcy.training.devices import Devices
from normalcy.training.distributed import joining, starting, watching
from normalcy.training.distributed.failures import failing_together, read_failure, say_failure
from normalcy.training.distributed.group import ALONE, Deserted, Group, Place
from normalcy.training.distributed.sampling import OwnRows, own_rows
from normalcy.training.distributed.stores import TCPStore
from normalcy.training.distributed.watching import Children, watched
from tiny_scene import tiny_config


def of(rank: int, size: int) -> Group:
    return Group(Place(rank, size, rank, size))


@pytest.fixture(autouse=True)
def nothing_spread():
    yield
    working_on(None)


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize(
    ("count", "batch", "drop_last"), [(24, 6, True), (23, 6, True), (13, 6, False), (2, 2, True)]
)
def test_all_rows_together_are_the_batches_of_one_process(size, count, batch, drop_last):
    orders = [EpochSampler(30, clips_per_epoch=count, seed=4) for _ in range(size)]
    samplers = [
        OwnRows(order, batch_size=batch, group=of(rank, size), drop_last=drop_last)
        for rank, order in enumerate(orders)
    ]
    whole = EpochSampler(30, clips_per_epoch=count, seed=4)
    for epoch in (0, 3):
        whole.set_epoch(epoch)
        expected = list(whole)[: count // batch * batch if drop_last else count]
        batches = [expected[start : start + batch] for start in range(0, len(expected), batch)]
        drawn = []
        for sampler in samplers:
            sampler.set_epoch(epoch)
            drawn.append(list(sampler))
            assert len(drawn[-1]) == len(sampler)
            # Every process takes as many steps as the others.
            assert -(-len(sampler) // sampler.own_batch_size) == len(batches)
        for number, rows in enumerate(batches):
            found = [None] * len(rows)
            for rank, (sampler, places) in enumerate(zip(samplers, drawn, strict=True)):
                own = places[number * sampler.own_batch_size :][: sampler.own_batch_size]
                counted = sampler.part(number).counted
                assert len(own) == max(1, counted)
                found[rank::size] = own[:counted]
            assert found == rows


def test_one_process_keeps_the_order_that_it_has():
    order = EpochSampler(10, clips_per_epoch=None, seed=0)
    assert own_rows(order, batch_size=4, group=ALONE) == (order, 4)


@pytest.mark.parametrize("like", ["contiguous", "channels last", "time first"])
def test_draws_are_the_rows_of_those_for_the_whole_batch(like):
    layouts = {
        "contiguous": lambda x: x.contiguous(),
        "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
        "time first": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    }
    whole = layouts[like](torch.ones(5, 6, 4, 3))
    torch.manual_seed(1)
    noise, kept = torch.randn_like(whole), F.dropout(whole, 0.4)
    for rank in range(3):
        working_on(Part(rank, 3, 5, torch.clone, torch.clone))
        own = layouts[like](whole[rank::3])
        torch.manual_seed(1)
        assert torch.equal(normal_like(own), noise[rank::3])
        assert torch.equal(Dropout(0.4)(own), kept[rank::3])


def test_shares_of_a_loss_have_the_mean_of_the_whole_batch():
    loss_B, weight_B = torch.arange(1.0, 6.0), torch.tensor([1.0, 3.0, 1.0, 2.0, 2.0])
    plain_shares, weighted = [], []
    for rank in range(3):
        working_on(Part(rank, 3, 5, lambda _: weight_B.sum(), torch.clone))
        own, weights = loss_B[rank::3], weight_B[rank::3]
        plain_shares.append(spread_batch.as_share(own.mean()))
        mean = (own * weights).sum() / weights.sum() * spread_batch.share_of_weights(weights)
        weighted.append(spread_batch.as_share(mean))
    assert torch.stack(plain_shares).mean() == pytest.approx(loss_B.mean().item())
    assert torch.stack(weighted).mean() == pytest.approx(((loss_B * weight_B).sum() / weight_B.sum()).item())


def test_synced_norms_take_the_place_of_plain_ones_and_give_it_back():
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm2d(3, affine=False)))
    before, weight = dict(net.state_dict()), net[1].weight
    synced(net)
    assert type(net[1]) is SyncedBatchNorm2d
    assert type(net[2][0]) is nn.BatchNorm2d
    assert net[1].weight is weight
    assert list(net.state_dict()) == list(before)
    plain(net)
    assert type(net[1]) is nn.BatchNorm2d
    assert list(net.state_dict()) == list(before)


def test_devices_share_batches_equally_or_say_which_they_could(tiny_root, tiny_cache):
    def with_batch(*overrides: str):
        return tiny_config(tiny_root, tiny_cache, overrides=overrides)

    Devices(2, 2).require(with_batch("training.batch_size=8"))
    with pytest.raises(ConfigError, match=r"training.batch_size: is 9, which 2 devices .* Take 8 or 10"):
        Devices(2).require(with_batch("training.batch_size=9"))
    with pytest.raises(ConfigError, match=r"is 6, .* in 2 accumulated parts. Take 4 or 8"):
        Devices(2).require(with_batch("training.batch_size=6", "training.accumulate=2"))
    with pytest.raises(ConfigError, match=r"training.batch_size: is 2.* Take 4: "):
        Devices(4).require(with_batch("training.batch_size=2"))


@pytest.mark.parametrize("method", ["scene-memory", "flow-magnitude"])
def test_what_has_no_gradients_is_sent_to_the_engine(tiny_root, tiny_cache, method):
    config = tiny_config(tiny_root, tiny_cache, method=method)
    Devices().require(config)
    with pytest.raises(ConfigError, match=r"--devices: .* --engine local"):
        Devices(2).require(config)


TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
SRUN = {"SLURM_NTASKS": "4", "SLURM_NNODES": "2"}


@pytest.mark.parametrize("environment", [TORCHRUN, SRUN])
def test_devices_are_those_that_a_launcher_started(monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Devices.chosen(None, None, None) == Devices(2, 2)
    assert Devices.chosen(2, 2, "ddp") == Devices(2, 2)
    with pytest.raises(ConfigError, match="--devices: is 4, but this process was started as one of 2"):
        Devices.chosen(4, None, None)


def test_devices_are_one_unless_asked_for(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "1")
    assert Devices.chosen(None, None, None) == Devices(1, 1)
    for given, where in (
        ((0, None, None), "--devices"),
        ((1, -1, None), "--nodes"),
        ((1, 1, "fsdp"), "--strategy"),
    ):
        with pytest.raises(ConfigError, match=f"^{where}: "):
            Devices.chosen(*given)


def test_several_machines_must_know_each_other(monkeypatch):
    monkeypatch.delenv("NODE_RANK", raising=False)
    monkeypatch.setenv("MASTER_ADDR", "first.example.org")
    with pytest.raises(ConfigError, match="--nodes: is 2, but NODE_RANK, MASTER_PORT of the environment"):
        starting.node_rank(Devices(1, 2))


@pytest.fixture
def store():
    return TCPStore("127.0.0.1", 0, 1, is_master=True, wait_for_workers=False)


def test_the_first_error_is_raised_by_those_that_were_deserted(store):
    told = NonFiniteLoss("the loss became nan", where="here", hint="Begin again")
    with pytest.raises(NonFiniteLoss), failing_together(Place(1, 3), store):
        raise told
    with pytest.raises(ValueError, match="later"), failing_together(Place(2, 3), store):
        raise ValueError("later")
    expected = pytest.raises(NonFiniteLoss, match=r"^here: the loss became nan. Begin again$")
    with expected, failing_together(Place(0, 3), store):
        raise Deserted("another process is gone")


def test_a_defect_elsewhere_names_its_process_and_an_interrupt_is_one(store):
    with pytest.raises(ZeroDivisionError), failing_together(Place(1, 2), store):
        _ = 1 / 0
    expected = pytest.raises(TrainingError, match=r"^process 1: ZeroDivisionError: division by zero")
    with expected, failing_together(Place(0, 2), store):
        raise Deserted("another process is gone")
    other = TCPStore("127.0.0.1", 0, 1, is_master=True, wait_for_workers=False)
    with pytest.raises(KeyboardInterrupt), failing_together(Place(1, 2), other):
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), failing_together(Place(0, 2), other):
        raise Deserted("another process is gone")


def test_who_does_not_come_is_named_and_not_waited_for(store, monkeypatch):
    monkeypatch.setattr(joining, "MEETING", timedelta(seconds=0.3))
    store.set(joining.here(1), "")
    expected = pytest.raises(TrainingError, match="process 0 did not meet the others: of 3, 2 did not come")
    with expected, joining.joined(Place(0, 3, 0, 1), store):
        pass
    assert "2 did not come" in str(read_failure(store))


@pytest.fixture
def quick_watch(monkeypatch):
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(watching, "GRACE_SECONDS", 0.2)


def work_for(seconds: float) -> None:
    """Without any exchange."""
    for _ in range(round(seconds * 100)):
        time.sleep(0.01)


@pytest.mark.usefixtures("quick_watch")
def test_who_works_on_alone_is_told_that_another_failed(store):
    say_failure(store, 1, NonFiniteLoss("the loss became nan"))
    with watched(Place(0, 2), store) as watch:
        expected = pytest.raises(NonFiniteLoss, match=r"^the loss became nan$")
        with expected, failing_together(Place(0, 2), store), watch.raising():
            work_for(60)


@pytest.mark.usefixtures("quick_watch")
def test_a_child_that_ends_without_a_word_fails_all(store):
    def require_alive() -> None:
        raise TrainingError("process 1 of the training was ended by SIGKILL")

    with watched(Place(0, 2), store, Children(require_alive)) as watch:
        expected = pytest.raises(TrainingError, match="was ended by SIGKILL")
        with expected, failing_together(Place(0, 2), store), watch.raising():
            work_for(60)
    assert "SIGKILL" in str(read_failure(store))


@pytest.mark.usefixtures("quick_watch")
def test_who_has_raised_or_left_is_let_alone(store):
    with watched(Place(0, 2), store) as watch:
        with pytest.raises(ValueError, match="own"), failing_together(Place(0, 2), store), watch.raising():
            raise ValueError("own")
        work_for(0.6)
    with watched(Place(1, 2), store) as watch, watch.raising():
        watch.stop()
        work_for(0.6)


TRACED = """
import sys
from torch.distributed import TCPStore
from normalcy.training.distributed.group import Place
from normalcy.training.distributed.watching import watched

with watched(Place(0, 1), TCPStore("127.0.0.1", 0, 1, is_master=True, wait_for_workers=False)) as watch:
    with watch.raising():
        pass
sys.settrace(lambda *_: None)
(lambda: print("traced"))()
"""


def test_what_was_watched_can_be_traced_afterwards():
    """As coverage and debuggers do: where it cannot, Python hangs at the next call."""
    found = subprocess.run(
        [sys.executable, "-c", TRACED], capture_output=True, text=True, timeout=90, check=True
    )
    assert found.stdout == "traced\n"
