"""Hand-over: who holds a card, the card to a VM and back without a reboot, or a refusal that changes nothing."""
