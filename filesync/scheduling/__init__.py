"""What starts `filesync sync` by itself: one line for cron, or two units for systemd, and how they get there.

Texts are pure functions of (call, every); `commands` is the only module that runs the system's own programs.
"""
