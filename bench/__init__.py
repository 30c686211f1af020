"""Side-by-side timings against the peers. Figures are ratios of medians, taken in turn in one run."""
