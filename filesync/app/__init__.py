"""What commands do, given a Home and no terminal: nothing here prints, or knows of an option.

home        the settings, the configuration, the database and the log of one home
logins, keep_alive, notifier, auto_prune, start_log: what a start of `sync` does beside its syncs
endpoint_check, costs, feed_reader, timers, doctor_run: what the commands of these names do
"""
