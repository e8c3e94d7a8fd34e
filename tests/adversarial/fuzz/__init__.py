"""What parses foreign text, as functions of bytes: for Hypothesis in the tests, and for atheris by hand.

    pip install atheris && python -m tests.adversarial.fuzz answers -max_total_time=600

A target that returns is content: it got what was promised, or the promised error. Anything else it raises is a bug.
"""
