"""From alarms to events: one incident is one event, with pictures and a clip."""
