"""The least that each hop costs, without anything of ours: what our figures are divided by."""
