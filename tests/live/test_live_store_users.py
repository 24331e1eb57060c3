"""Users, logins and tokens: who gets in, for how long, and what is kept of secrets."""

from pathlib import Path

import pytest
from sqlalchemy import text

from normalcy.errors import ConfigError
from normalcy.live.store import passwords
from normalcy.live.store.passwords import hash_password, verify_password
from normalcy.live.store.users import (
    add_token,
    add_user,
    check_password,
    current_login,
    end_session,
    find_session,
    find_token,
    find_user,
    list_tokens,
    list_users,
    remove_token,
    remove_user,
    set_password,
    set_role,
    start_session,
)

pytest_plugins = ["live_databases"]

HOUR = 3600.0


def logged_in(store, name: str = "ann", *, now: float = 0.0) -> str:
    """The token of a new user."""
    with store.transaction() as session:
        add_user(session, name, "long enough", "viewer", at=now)
        return start_session(session, find_user(session, name), now=now)[0]


def found(store, token: str, *, now: float, idle_seconds: float = HOUR):
    with store.transaction() as session:
        return find_session(session, token, now=now, idle_seconds=idle_seconds)


def test_a_password_is_known_by_its_hash_alone():
    kept = hash_password("correct horse")
    assert kept.startswith("$argon2id$")
    assert verify_password(kept, "correct horse")
    assert not verify_password(kept, "correct horsf")
    assert kept != hash_password("correct horse")


@pytest.mark.parametrize("kept", [None, "", "no hash", "$argon2id$v=19$broken"])
def test_without_a_hash_no_password_is_right(kept):
    assert not verify_password(kept, "correct horse")


def test_somebody_unknown_costs_as_much_work_as_somebody_known(monkeypatch):
    verified = []

    class Counted(passwords.PasswordHasher):
        def verify(self, kept, password):
            verified.append(kept.split("$")[3])
            return super().verify(kept, password)

    monkeypatch.setattr(passwords, "PasswordHasher", Counted)
    verify_password(hash_password("correct horse"), "something else")
    verify_password(None, "something else")
    assert len(verified) == 2
    assert len(set(verified)) == 1


@pytest.mark.parametrize("password", ["short", "", "x" * 257])
def test_a_password_has_a_sensible_length(password):
    with pytest.raises(ConfigError, match="characters"):
        hash_password(password)
    assert not verify_password(hash_password("correct horse"), password)


def test_users_are_added_listed_and_removed(any_store):
    with any_store.transaction() as session:
        add_user(session, "bob", "long enough", "viewer", at=2.0)
        add_user(session, "ann@example.org", "long enough", "admin", at=1.0)
    with any_store.transaction() as session:
        assert [(user.name, user.role, user.created_at) for user in list_users(session)] == [
            ("ann@example.org", "admin", 1.0),
            ("bob", "viewer", 2.0),
        ]
        assert check_password(session, "bob", "long enough").name == "bob"
        assert check_password(session, "bob", "long enougH") is None
        assert check_password(session, "eve", "long enough") is None
        assert remove_user(session, "bob")
        assert not remove_user(session, "bob")
        assert find_user(session, "bob") is None


@pytest.mark.parametrize("name", ["", "a b", "x" * 61, "<script>", "bob"])
def test_a_name_that_cannot_be_or_is_taken_is_refused(any_store, name):
    with any_store.transaction() as session:
        add_user(session, "bob", "long enough", "viewer", at=1.0)
        add_token(session, "bob", "viewer", at=1.0)
    with any_store.transaction() as session:
        with pytest.raises(ConfigError, match=repr(name)):
            add_user(session, name, "long enough", "admin", at=1.0)
        with pytest.raises(ConfigError, match=repr(name)):
            add_token(session, name, "admin", at=1.0)


def test_a_login_holds_until_it_ends(any_store):
    token = logged_in(any_store)
    login = found(any_store, token, now=10.0)
    assert (login.user, login.role, login.created_at) == ("ann", "viewer", 0.0)
    assert found(any_store, token + "x", now=10.0) is None
    with any_store.transaction() as session:
        end_session(session, token)
    assert found(any_store, token, now=11.0) is None


def test_a_login_that_is_used_lives_on_and_one_that_is_not_is_deleted(any_store):
    token = logged_in(any_store)
    for now in (0.9 * HOUR, 1.8 * HOUR):
        assert found(any_store, token, now=now).seen_at == now
    assert found(any_store, token, now=2.81 * HOUR) is None
    # It is gone, not only old.
    assert found(any_store, token, now=1.9 * HOUR) is None


def test_that_a_login_is_used_is_written_once_a_minute(any_store):
    token = logged_in(any_store)
    seen = [found(any_store, token, now=now).seen_at for now in (59.0, 61.0, 119.0, 121.0)]
    assert seen == [0.0, 61.0, 61.0, 121.0]


def test_the_current_login_is_found_while_another_writes(sqlite_store):
    token = logged_in(sqlite_store)
    with sqlite_store.transaction() as writer:
        writer.execute(text("DELETE FROM tokens"))
        assert current_login(sqlite_store, token, now=59.0, idle_seconds=HOUR).user == "ann"
        assert current_login(sqlite_store, "another", now=59.0, idle_seconds=HOUR) is None


def test_the_current_login_lives_and_dies_like_any_other(any_store):
    token = logged_in(any_store)
    assert current_login(any_store, token, now=0.9 * HOUR, idle_seconds=HOUR).seen_at == 0.9 * HOUR
    assert current_login(any_store, token, now=2 * HOUR, idle_seconds=HOUR) is None
    assert found(any_store, token, now=1.0 * HOUR) is None
    token = logged_in(any_store, "bob")
    assert current_login(any_store, token, now=11.0, idle_seconds=10.0) is None


def test_logins_end_with_the_password_and_with_the_user(any_store):
    first = logged_in(any_store)
    with any_store.transaction() as session:
        set_password(session, "ann", "another one")
        assert check_password(session, "ann", "long enough") is None
        user = check_password(session, "ann", "another one")
        second, _ = start_session(session, user, now=1.0)
    assert found(any_store, first, now=2.0) is None
    assert found(any_store, second, now=2.0).user == "ann"
    with any_store.transaction() as session:
        remove_user(session, "ann")
    assert found(any_store, second, now=2.0) is None


def test_a_login_follows_the_role_of_its_user(any_store):
    token = logged_in(any_store)
    with any_store.transaction() as session:
        set_role(session, "ann", "admin")
        with pytest.raises(ConfigError, match="no user 'eve'"):
            set_role(session, "eve", "admin")
    assert found(any_store, token, now=1.0).role == "admin"


def test_nobody_gets_another_password(any_store):
    with pytest.raises(ConfigError, match="no user 'eve'"), any_store.transaction() as session:
        set_password(session, "eve", "long enough")


def test_a_token_opens_until_it_is_removed(any_store):
    with any_store.transaction() as session:
        token = add_token(session, "grafana", "viewer", at=3.0)
    with any_store.transaction() as session:
        assert [(each.name, each.role, each.created_at) for each in list_tokens(session)] == [
            ("grafana", "viewer", 3.0)
        ]
        assert find_token(session, token) == list_tokens(session)[0]
        assert find_token(session, "") is None
        assert remove_token(session, "grafana")
        assert not remove_token(session, "grafana")
        assert find_token(session, token) is None


def test_no_secret_is_in_the_file(sqlite_store):
    session_token = logged_in(sqlite_store)
    with sqlite_store.transaction() as session:
        api_token = add_token(session, "grafana", "viewer", at=3.0)
    kept = b"".join(path.read_bytes() for path in Path(sqlite_store.url.database).parent.glob("events.db*"))
    assert b"grafana" in kept
    assert [secret for secret in (session_token, api_token, "long enough") if secret.encode() in kept] == []
