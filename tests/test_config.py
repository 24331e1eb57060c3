import pytest

from normalcy.config import StrictConfig, apply_overrides, build_config, read_yaml, to_yaml
from normalcy.errors import ConfigError


class Inner(StrictConfig):
    epochs: int = 3
    name: str | None = None


class Outer(StrictConfig):
    seed: int = 0
    inner: Inner = Inner()
    maybe: Inner | None = None
    several: tuple[Inner, ...] = ()


def test_unknown_key_names_the_nearest_at_every_depth():
    with pytest.raises(ConfigError, match=r"unknown key 'sead', did you mean 'seed'\?"):
        build_config(Outer, {"sead": 1})
    with pytest.raises(ConfigError, match=r"unknown key 'inner.epoch', did you mean 'epochs'\?"):
        build_config(Outer, {"inner": {"epoch": 1}})
    with pytest.raises(ConfigError, match=r"unknown key 'maybe.nmae', did you mean 'name'\?"):
        build_config(Outer, {"maybe": {"nmae": "x"}})
    with pytest.raises(ConfigError, match=r"unknown key 'several.1.nmae', did you mean 'name'\?"):
        build_config(Outer, {"several": [{"name": "x"}, {"nmae": "x"}]})


def test_nothing_near_lists_what_is_known():
    with pytest.raises(ConfigError, match="known keys: seed, inner, maybe, several"):
        build_config(Outer, {"zzzzzzzz": 1})


def test_wrong_value_is_shown_with_its_place():
    with pytest.raises(ConfigError, match=r"my.yaml: 'inner.epochs' is 'many'"):
        build_config(Outer, {"inner": {"epochs": "many"}}, where="my.yaml")


def test_overrides_go_deep_and_leave_the_original_alone():
    data = {"inner": {"epochs": 1, "name": "a"}}
    assert apply_overrides(data, ["inner.epochs=7", "seed=2"]) == {
        "inner": {"epochs": 7, "name": "a"},
        "seed": 2,
    }
    assert data == {"inner": {"epochs": 1, "name": "a"}}
    assert apply_overrides({}, ["a.b.c=[1, 2]", "d=null"]) == {"a": {"b": {"c": [1, 2]}}, "d": None}


def test_two_overrides_in_one_section_both_hold():
    assert apply_overrides({"a": {"x": 0}}, ["a.y=1", "a.z=2"]) == {"a": {"x": 0, "y": 1, "z": 2}}


@pytest.mark.parametrize("bad", ["epochs", "=3", "seed.x=1", "a=[1"])
def test_bad_overrides_are_named(bad):
    with pytest.raises(ConfigError):
        apply_overrides({"seed": 1}, [bad])


def test_yaml_goes_both_ways(tmp_path):
    config = build_config(Outer, {"seed": 4, "inner": {"name": "ä"}})
    path = tmp_path / "c.yaml"
    path.write_text(to_yaml(config), encoding="utf-8")
    assert build_config(Outer, read_yaml(path)) == config


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "not valid YAML"), ("- 1", "holds a list"), ("7", "holds a int")]
)
def test_bad_files_are_named(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_yaml(path)


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "empty.yaml").touch()
    assert read_yaml(tmp_path / "empty.yaml") == {}
