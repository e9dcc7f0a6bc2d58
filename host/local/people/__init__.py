"""Who may use this machine's console, its HTTP API and its tools: users, sessions, tokens, and who did what."""
