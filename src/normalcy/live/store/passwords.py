"""Passwords are kept as argon2id hashes; tokens, which are long and random, as SHA-256 digests."""

import functools
import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from normalcy.errors import ConfigError

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 256
_TOKEN_BYTES = 32


def hash_password(password: str) -> str:
    """The hash to keep of a password.

    Raises:
        ConfigError: It is too short, or too long to be hashed in short time.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ConfigError(
            f"has {len(password)} characters",
            where="the password",
            hint=f"Take one of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}",
        )
    return PasswordHasher().hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether a password has a hash. Without a hash it takes as long to say no: time does not tell who is known."""
    if len(password) > LONGEST_PASSWORD:
        return False
    try:
        PasswordHasher().verify(password_hash or _hash_of_nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def new_token() -> str:
    """A token that nobody can guess, fit for a URL."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


@functools.cache
def _hash_of_nobody() -> str:
    return PasswordHasher().hash(new_token())
