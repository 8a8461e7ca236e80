//! HTTP in front of the application. Translation only.
