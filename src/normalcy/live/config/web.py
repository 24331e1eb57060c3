"""The dashboard."""

import ipaddress

from pydantic import Field

from normalcy.config import StrictConfig


class WebConfig(StrictConfig):
    """Where the dashboard listens, and who may use it.

    Attributes:
        enabled: Whether there is one.
        host: Address to listen on; anything but loopback requires a login.
        port: TCP port; 0 takes a free one.
        login: Whether a login is required; on any address but loopback it always is.
        session_hours: A login lasts so long without use.
        https: Cookies are sent over https alone; for a proxy that encrypts.
        picture_fps: Pictures per second of the wall.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(8042, ge=0, le=65535)
    login: bool = False
    session_hours: float = Field(12.0, gt=0)
    https: bool = False
    picture_fps: float = Field(5.0, gt=0, le=25)

    @property
    def requires_login(self) -> bool:
        """Whether nobody gets in without one."""
        return self.login or not is_loopback(self.host)


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
