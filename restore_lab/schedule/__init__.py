"""Drills that start by themselves: a daily timer of systemd, or a line of crontab, that asks whether one is due."""
