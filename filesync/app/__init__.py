"""What commands do, given a Home and no terminal: nothing here prints, or knows of an option.

home                                                        settings, configuration, database and log of one home
logins, keep_alive, notifier, auto_prune, start_log         what a start of `sync` does beside its syncs
endpoint_check, endpoint_forget, endpoint_status, costs, feed_reader, notify_targets, timers, doctor_context, doctor_run
                                                            what the other commands do
"""
