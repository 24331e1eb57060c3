"""Who is told."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from normalcy.config import StrictConfig

Severity = Literal["notice", "alert"]
# A receiver's name is part of the keys of its messages, which must not outgrow their column.
ReceiverName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
# `+` and `#` are for those who listen.
MqttTopic = Annotated[str, StringConstraints(pattern=r"^[^+#\x00]{1,100}$")]


class ReceiverConfig(StrictConfig):
    """What every receiver has.

    Attributes:
        severity: The least that it is told of.
        cameras: Only these; all where empty.
    """

    severity: Severity = "notice"
    cameras: tuple[str, ...] = ()


class WebhookConfig(ReceiverConfig):
    """A URL that is posted to.

    Attributes:
        url: http or https; may hold `${SECRET}`.
        secret: Signs each message (HMAC-SHA256); may hold `${SECRET}`. Unsigned without.
        timeout_seconds: For an answer.
    """

    url: str
    secret: str | None = None
    timeout_seconds: float = Field(10.0, gt=0, le=60)

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://", "${")):
            raise ValueError("it must start with http:// or https://")
        return url


class MqttConfig(ReceiverConfig):
    """An MQTT broker.

    Attributes:
        host, port: Where it listens.
        username, password: May hold `${SECRET}`.
        tls: Whether to encrypt.
        ca_file: Certificates (PEM) of who vouches for the broker, where the system does not know them; a relative path
            starts at the configuration's folder.
        topic: What all topics start with.
        discovery: Topic of Home Assistant's discovery; none tells it nothing.
    """

    host: str
    port: int = Field(1883, ge=1, le=65535)
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: Path | None = None
    topic: MqttTopic = "normalcy"
    discovery: MqttTopic | None = "homeassistant"

    @field_validator("ca_file")
    @classmethod
    def _encrypts(cls, ca_file: Path | None, info: ValidationInfo) -> Path | None:
        if ca_file is not None and not info.data.get("tls"):
            raise ValueError("nothing is encrypted: it needs tls: true")
        return ca_file


class AppriseConfig(ReceiverConfig):
    """Anything apprise speaks.

    Attributes:
        url: As apprise writes it; may hold `${SECRET}`.
    """

    url: str


class AlertsConfig(StrictConfig):
    """Who is told of what.

    Attributes:
        webhooks, apprise: Receivers by name: letters, digits, `_`, `.` and `-`, 40 at most.
        mqtt: A broker.
        per_camera_per_hour: More alerts than this of one camera are kept back, and counted.
        retry_first_seconds, retry_most_seconds: Waits between attempts, doubled each time.
        give_up_hours: Then an alert is dead, where it was tried in vain for long.
        public_url: Where people reach the dashboard: alerts link to it, and a proxy needs it. None without.
    """

    webhooks: dict[ReceiverName, WebhookConfig] = Field(default_factory=dict)
    apprise: dict[ReceiverName, AppriseConfig] = Field(default_factory=dict)
    mqtt: MqttConfig | None = None
    per_camera_per_hour: int = Field(30, ge=1)
    retry_first_seconds: float = Field(1.0, gt=0)
    retry_most_seconds: float = Field(300.0, gt=0)
    give_up_hours: float = Field(24.0, gt=0)
    public_url: str | None = None

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if url is not None and not (url.startswith(("http://", "https://")) and urlsplit(url).hostname):
            raise ValueError("it must be what people type, such as https://cameras.example.org")
        return url

    @property
    def receivers(self) -> dict[str, ReceiverConfig]:
        """All of them by what the outbox calls them: `webhook:NAME`, `apprise:NAME`, `mqtt`."""
        found: dict[str, ReceiverConfig] = {f"webhook:{name}": each for name, each in self.webhooks.items()}
        found |= {f"apprise:{name}": each for name, each in self.apprise.items()}
        return found | ({"mqtt": self.mqtt} if self.mqtt else {})
