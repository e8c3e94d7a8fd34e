"""The doors to the machine: time, locks, signals, processes, the environment, the log."""
