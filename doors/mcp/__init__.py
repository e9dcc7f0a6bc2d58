"""Tools for agents, by the Model Context Protocol: what they want to be sent, a person agrees to."""
