"""Alerts: what leaves the house, from a table that outlives every process.

messages.py, words.py    what is said, and to whom: put into the outbox in the transaction of what it tells of
outbox_loop.py           the process: waits for the doorbell, takes new configurations
sender.py                due messages -> planning.py -> a channel each -> marked as sent, failed, held or dead
channel.py               one receiver: a thread, one message after the other, and its waits
webhook.py, mqtt.py, apprise_receiver.py
"""

from normalcy.live.alerts.trial import send_test

__all__ = ["send_test"]
