"""Features of a frozen backbone: extracted once, kept in the cache."""
