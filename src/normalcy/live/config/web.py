"""The dashboard."""

import ipaddress

from pydantic import Field, field_validator

from normalcy.config import StrictConfig


class WebConfig(StrictConfig):
    """Where the dashboard listens, and who may use it.

    Attributes:
        enabled: Whether there is one.
        host: Address to listen on; anything but loopback requires a login.
        port: TCP port; 0 takes a free one.
        login: Whether a login is required; on any address but loopback it always is, and where a proxy is told of
            (`LiveConfig.requires_login`).
        session_hours: A login lasts so long without use.
        session_days: A login lasts no longer, however much it is used.
        https: Cookies are sent over https alone; for a proxy that encrypts. Needs `alerts.public_url`.
        trusted_proxies: Addresses or networks of such proxies, which are believed who asks; only with `https`.
        picture_fps: Pictures per second of the wall.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(8042, ge=0, le=65535)
    login: bool = False
    session_hours: float = Field(12.0, gt=0)
    session_days: float = Field(7.0, gt=0)
    https: bool = False
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    picture_fps: float = Field(5.0, gt=0, le=25)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for each in proxies:
            try:
                ipaddress.ip_network(each)
            except ValueError as error:
                raise ValueError(f"{each!r} is no address, such as 10.0.0.7 or 10.0.0.0/24") from error
        return proxies

    @property
    def requires_login(self) -> bool:
        """Whether nobody gets in without one, as far as these settings say it; see `LiveConfig.requires_login`."""
        return self.login or not is_loopback(self.host)

    @property
    def is_open_to_listeners(self) -> bool:
        """Whether passwords travel over a network as they are."""
        return not self.https and not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
