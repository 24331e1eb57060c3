import pytest

from normalcy.errors import ConfigError
from normalcy.methods import METHODS, method_definition


@pytest.mark.parametrize("name", list(METHODS))
def test_names_agree(name):
    assert method_definition(name).name == name


def test_unknown_method_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'stae'"):
        method_definition("stea")
    with pytest.raises(ConfigError, match="Known methods: cnn-lstm"):
        method_definition("xyzzy")
