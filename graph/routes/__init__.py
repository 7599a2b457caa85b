"""The few REST routes."""
