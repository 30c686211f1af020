"""What looks at the running host and changes it: apply and its journal, rollback, doctor, hand-over."""
