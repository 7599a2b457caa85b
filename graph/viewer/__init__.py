"""Links that open one study in a viewer, once: tokens, the sessions behind them, and the built-in page."""
