"""From the configuration of a receiver to the receiver; libraries are imported by those who need them."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from normalcy.live.alerts.control import CameraBoard
from normalcy.live.alerts.delivery import Receiver
from normalcy.live.config.alerts import AppriseConfig, MqttConfig, ReceiverConfig, WebhookConfig
from normalcy.live.config.live import LiveConfig


def build_receiver(
    name: str, config: LiveConfig, *, board: CameraBoard, recovered: Callable[[], None], node: str = ""
) -> Receiver:
    """The receiver of a name.

    Args:
        name: As the outbox calls it.
        config: In force.
        board: The cameras, for those that show them.
        recovered: Called when a lasting connection is back.
        node: Name of this node, where there are several.

    Raises:
        ConfigError: A secret cannot be read.
    """
    settings = config.alerts.receivers[name]
    if isinstance(settings, MqttConfig):
        from normalcy.live.alerts.mqtt import MqttReceiver

        return MqttReceiver(settings, board=board, recovered=recovered, node=node)
    return _build_simple(settings, config)


def build_trial(name: str, config: LiveConfig) -> Receiver:
    """The same for one message: it shows no cameras, and leaves nothing behind."""
    settings = config.alerts.receivers[name]
    if isinstance(settings, MqttConfig):
        from normalcy.live.alerts.mqtt import MqttTrial

        return MqttTrial(settings)
    return _build_simple(settings, config)


def _build_simple(settings: ReceiverConfig, config: LiveConfig) -> Receiver:
    if isinstance(settings, WebhookConfig):
        from normalcy.live.alerts.webhook import WebhookReceiver

        return WebhookReceiver(settings)
    assert isinstance(settings, AppriseConfig)
    from normalcy.live.alerts.apprise_receiver import AppriseReceiver

    return AppriseReceiver(settings, zone=ZoneInfo(config.timezone) if config.timezone else None)
