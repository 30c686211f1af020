"""What a consumer can answer."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - an answer, not a fault of the test
    """A consumer did not take its input; the message is the consumer's own words."""


class Unavailable(Exception):  # noqa: N818 - a state of the machine
    """A consumer cannot run on this machine; the message names what is missing."""
