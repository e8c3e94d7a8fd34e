"""What can be wrong with a home, one module for each kind of check: facts go in, findings come out.

Nothing here is printed, and nothing is changed or created: what fixes it is a sentence for a person.
"""
