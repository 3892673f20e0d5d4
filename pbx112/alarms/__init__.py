"""Tells people by e-mail, Telegram, webhook or SMS what is amiss, and when it is over: a process of its own, so that a
daemon that is gone is told too. Needs the extra `alarms`: `pip install 'pbx112[alarms]'`."""
