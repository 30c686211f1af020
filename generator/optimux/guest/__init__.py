"""The Windows side: the medium that sets the guest up, and the guest agent that runs it."""
