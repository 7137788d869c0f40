"""What the commands do: the only place where reading, computing and writing come together."""
