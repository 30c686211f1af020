"""What is seen in a machine, and what is said of it: for a throwaway machine and for a whole domain alike."""
