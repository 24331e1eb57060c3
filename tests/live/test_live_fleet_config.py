"""What a configuration says of a fleet."""

import pytest

from normalcy.errors import ConfigError
from normalcy.live.config.change import only_a_restart_takes_up
from normalcy.live.config.fleet import is_node_name, machine_name
from normalcy.live.config.live import LiveConfig
from normalcy.live.nodes.identity import new_life, node_name
from normalcy.live.nodes.shares import Member, fair_shares, has_to_let_go, room_of

PLAIN = {"bundles": {"day": {"path": "bundle"}}}
SHARED = {**PLAIN, "store": {"url": "postgresql+psycopg://u@h/d"}}


def test_nodes_need_a_database_that_they_share():
    with pytest.raises(ValueError, match=r"fleet\.enabled: nodes share a PostgreSQL database"):
        LiveConfig.model_validate({**PLAIN, "fleet": {"enabled": True}})
    assert LiveConfig.model_validate({**SHARED, "fleet": {"enabled": True}}).fleet.lease_seconds == 15
    assert node_name(LiveConfig.model_validate(PLAIN)) == ""


def test_a_lease_outlasts_a_late_sign_of_life():
    with pytest.raises(ValueError, match="3 times heartbeat_seconds"):
        LiveConfig.model_validate({**SHARED, "fleet": {"lease_seconds": 5, "heartbeat_seconds": 2}})


def test_a_node_is_called_as_the_file_the_environment_or_the_machine_says(monkeypatch):
    monkeypatch.setenv("NODE", "hall-2")
    named = {
        name: LiveConfig.model_validate({**SHARED, "fleet": {"enabled": True, **said}})
        for name, said in {"hall-2": {"node": "${NODE}"}, "x": {"node": "x"}, machine_name(): {}}.items()
    }
    assert [node_name(config) for config in named.values()] == list(named)
    assert is_node_name(machine_name())
    wrong = LiveConfig.model_validate({**SHARED, "fleet": {"enabled": True, "node": "a/b"}})
    with pytest.raises(ConfigError, match="cannot be the name of a node"):
        node_name(wrong)


def test_each_start_is_another_life_in_the_same_folder(tmp_path):
    config = LiveConfig.model_validate(
        {**SHARED, "data": str(tmp_path), "fleet": {"enabled": True, "node": "x"}}
    )
    first, second = new_life(config), new_life(config)
    assert first.folder == second.folder
    assert first.token != second.token


def test_a_fleet_is_taken_up_by_a_restart():
    before = LiveConfig.model_validate(SHARED)
    after = LiveConfig.model_validate({**SHARED, "fleet": {"enabled": True}})
    assert only_a_restart_takes_up(before, after) == ("fleet",)


def test_shares_hold_all_cameras_and_go_by_capacity():
    members = [Member("a", 0, capacity=1), Member("b", 0), Member("c", 0, capacity=2)]
    assert fair_shares(9, members) == {"a": 1, "b": 6, "c": 2}
    assert fair_shares(0, members) == {"a": 0, "b": 0, "c": 0}
    assert room_of("c", cameras=9, members=[Member("c", 2, capacity=2), Member("d", 0)]) == 0


def test_a_camera_moves_only_where_another_node_has_room():
    assert has_to_let_go("a", cameras=4, members=[Member("a", 4), Member("b", 0)])
    assert not has_to_let_go("a", cameras=3, members=[Member("a", 2), Member("b", 1)])
    full = [Member("a", 4), Member("b", 1, capacity=1)]
    assert not has_to_let_go("a", cameras=5, members=full)
