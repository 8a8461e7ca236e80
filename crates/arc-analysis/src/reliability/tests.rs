//! Published values, and cross-checks against definitions.
