"""What the guest reads: the setup's plan, the answer file of Windows Setup, the checklist for a person."""
