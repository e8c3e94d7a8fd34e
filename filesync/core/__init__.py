"""What everything else is made of: values, rules and errors as pure functions; imports nothing of ours but itself."""
