"""Interfaces: what the services need from the world."""
